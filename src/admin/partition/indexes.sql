SELECT pg_catalog.pg_get_indexdef(x.indexrelid), x.indisvalid,
x.indisunique AND NOT x.indisprimary, x.indexrelid::regclass::text, x.indisprimary,
'COMMENT ON INDEX ' || x.indexrelid::regclass || ' IS '
|| quote_literal(pg_catalog.obj_description(x.indexrelid, 'pg_class'))
FROM pg_catalog.pg_index x WHERE x.indrelid = {table} ORDER BY 4
