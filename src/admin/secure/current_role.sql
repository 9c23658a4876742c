WITH o AS (SELECT DISTINCT c.relowner AS oid FROM pg_catalog.pg_class c
  WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relname IN ({tables}))
SELECT session_user::text, r.rolsuper, r.rolcreaterole,
  coalesce((SELECT bool_and(pg_has_role(session_user, oid, 'MEMBER')) FROM o), false),
  coalesce((SELECT min(oid::regrole::text) FROM o), ''), (SELECT count(*) FROM o) = 1,
  current_schema()::text,
  (SELECT coalesce(string_agg(g.name, ' '), '') FROM (VALUES {groups}) g (name)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles x WHERE x.rolname = g.name))
FROM pg_catalog.pg_roles r WHERE r.rolname = session_user
