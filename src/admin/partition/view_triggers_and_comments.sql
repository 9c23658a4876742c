SELECT pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal
UNION ALL SELECT format('COMMENT ON %s IS %L', CASE objsubid WHEN 0 THEN {view} ELSE (SELECT format('COLUMN {name}.%I',
attname) FROM pg_catalog.pg_attribute WHERE attrelid = {oid} AND attnum = objsubid) END, description)
FROM pg_catalog.pg_description WHERE objoid = {oid} AND classoid = 'pg_class'::regclass
