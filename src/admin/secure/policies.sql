SELECT c.relname || '.' || p.polname, CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END ||
CASE WHEN p.polpermissive THEN '' ELSE ' restrictive' END || ' to ' ||
(SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(o)::text END, ', ')
 FROM unnest(p.polroles) o) ||
coalesce(' using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') ||
coalesce(' check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '')
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = {schema} AND c.relname IN ({tables})
