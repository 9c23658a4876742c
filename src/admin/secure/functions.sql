SELECT s.signature, concat_ws('; ', p.prosrc, CASE WHEN p.prosecdef THEN CASE WHEN p.proowner =
  (SELECT t.relowner FROM pg_catalog.pg_class t WHERE t.relnamespace = {schema} AND t.relname = 'users')
  THEN 'as the owner of the tables' ELSE 'as another role' END END, p.provolatile::text,
(SELECT string_agg(replace(g, quote_ident(current_schema()::text), 'SCHEMA'), ', ') FROM unnest(p.proconfig) g),
(SELECT 'called by ' || string_agg({grantee}, ', ' ORDER BY {grantee}) FROM pg_catalog.aclexplode(p.proacl) a
 WHERE a.grantee <> p.proowner))
FROM (SELECT unnest(ARRAY[{functions}]) AS signature) s
JOIN pg_catalog.pg_proc p ON p.oid = to_regprocedure(s.signature)
