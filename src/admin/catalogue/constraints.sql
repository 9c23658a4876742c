SELECT c.relname::text, k.contype::text, pg_catalog.pg_get_constraintdef(k.oid),
(SELECT string_agg(a.attname, ', ' ORDER BY n.place) FROM unnest(k.conkey) WITH ORDINALITY n (number, place)
 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.number)
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
WHERE {ours} AND k.contype IN ('p', 'f', 'c', 'u')
