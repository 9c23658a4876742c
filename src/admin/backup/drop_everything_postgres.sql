SELECT format('DROP %s IF EXISTS %s CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW'
WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
c.oid::regclass), CASE c.relkind WHEN 'v' THEN 0 WHEN 'm' THEN 1 WHEN 'S' THEN 3 ELSE 2 END
FROM pg_catalog.pg_class c WHERE {own_relations} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.objid = c.oid AND i.deptype = 'i' AND i.refobjid <> c.oid)
UNION ALL
SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure), 4 FROM pg_catalog.pg_proc p WHERE {own_routines}
UNION ALL
SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype), 5 FROM pg_catalog.pg_type t
WHERE {own_types} AND t.typtype IN ('e', 'd') ORDER BY 2, 1
