SELECT c.relname::text, CASE WHEN c.relrowsecurity THEN 'on' ELSE 'off' END ||
CASE WHEN c.relforcerowsecurity THEN ', forced' ELSE '' END
FROM pg_catalog.pg_class c WHERE c.relnamespace = {schema} AND c.relkind IN ('r', 'p')
AND c.relname IN ({tables})
