SELECT DISTINCT t.oid::regtype::text FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE t.typtype = 'e' AND NOT a.attisdropped AND a.attname = 'status'
AND c.relnamespace = current_schema()::text::regnamespace AND c.relname IN ({tables})
AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute o JOIN pg_catalog.pg_class oc ON oc.oid = o.attrelid
WHERE o.atttypid = t.oid AND o.attrelid <> c.oid AND NOT o.attisdropped AND oc.relkind IN ('r', 'p'))
