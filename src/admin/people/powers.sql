concat_ws(', ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
CASE WHEN r.oid = {owner} THEN 'owner of the tables' END,
(SELECT string_agg('member of ' || g.rolname, ', ' ORDER BY g.rolname) FROM pg_catalog.pg_roles g
 WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')
 AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.oid = {owner} OR g.rolname IN ('pg_write_all_data',
   'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))))
