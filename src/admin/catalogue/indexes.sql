SELECT c.relname::text, i.relname::text, pg_catalog.pg_get_indexdef(i.oid), x.indisvalid
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE {ours} AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid
AND k.contype IN ('p', 'u', 'x'))
