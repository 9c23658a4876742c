SELECT t.tgname::text, replace(pg_catalog.pg_get_triggerdef(t.oid), quote_ident(current_schema()::text) || '.', '')
|| ', ' || CASE t.tgenabled WHEN 'O' THEN 'enabled' ELSE 'not enabled' END
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = {schema} AND t.tgname = {guard}
