SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass,
CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
ELSE 'ALL' END,
(SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ')
 FROM unnest(p.polroles) r))
|| coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
|| coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass),
format('COMMENT ON POLICY %I ON %s IS %L', p.polname, p.polrelid::regclass,
 pg_catalog.obj_description(p.oid, 'pg_policy')),
pg_catalog.obj_description(p.oid, 'pg_policy') IS NOT NULL
FROM pg_catalog.pg_policy p WHERE {condition} ORDER BY p.polrelid::regclass::text, p.polname
