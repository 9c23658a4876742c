SELECT g.rolname::text, concat_ws(' ', 'role', CASE WHEN g.rolsuper THEN 'SUPERUSER' END,
CASE WHEN g.rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN g.rolcanlogin THEN 'LOGIN' END,
CASE WHEN g.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN g.rolcreatedb THEN 'CREATEDB' END,
CASE WHEN g.rolreplication THEN 'REPLICATION' END, (SELECT 'member of ' || string_agg(
  pg_catalog.pg_get_userbyid(m.roleid), ', ') FROM pg_catalog.pg_auth_members m WHERE m.member = g.oid))
FROM pg_catalog.pg_roles g WHERE g.rolname IN ({groups})
