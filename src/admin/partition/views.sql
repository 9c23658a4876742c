WITH RECURSIVE v (oid, depth) AS (
SELECT r.ev_class, 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
WHERE {reads} AND d.refobjid = {table} AND r.ev_class <> {table}
UNION SELECT r.ev_class, v.depth + 1 FROM v JOIN pg_catalog.pg_depend d ON d.refobjid = v.oid
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE {reads} AND r.ev_class <> v.oid)
SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text, pg_catalog.pg_get_viewdef(c.oid),
coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''), c.oid::bigint,
CASE WHEN c.relowner <> (SELECT relowner FROM pg_catalog.pg_class WHERE oid = {table})
THEN quote_ident(pg_catalog.pg_get_userbyid(c.relowner)) END
FROM v JOIN pg_catalog.pg_class c ON c.oid = v.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
GROUP BY c.oid, n.nspname ORDER BY max(v.depth), 1
