SELECT c.relname::text, c.relkind::text, a.attname::text,
pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
pg_catalog.pg_get_expr(d.adbin, d.adrelid),
CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE {ours} AND c.relkind IN ('r', 'p', 'v') ORDER BY c.relname, a.attnum
