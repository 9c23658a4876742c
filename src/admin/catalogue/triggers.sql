SELECT c.relname::text, t.tgname::text, pg_catalog.pg_get_triggerdef(t.oid), current_schema()::text
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE {ours} AND NOT t.tgisinternal
