SELECT k.kind || ' ' || c.relname || ' to ' || {grantee}, string_agg(DISTINCT a.what, ', ' ORDER BY a.what)
FROM pg_catalog.pg_class c
CROSS JOIN LATERAL (SELECT x.grantee, x.privilege_type AS what FROM pg_catalog.aclexplode(c.relacl) x
  UNION ALL SELECT x.grantee, x.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attname) || ')'
  FROM pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) x WHERE t.attrelid = c.oid
  GROUP BY x.grantee, x.privilege_type) a
CROSS JOIN LATERAL (SELECT CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'S'
  THEN 'sequence' WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END AS kind) k
WHERE c.relnamespace = {schema} AND {is_limited} AND (c.relname IN ({with_views})
  OR c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) n
     WHERE n.relid::regclass::text IN ({tables}))
  OR c.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t
     ON t.oid = d.refobjid WHERE d.objid = c.oid AND d.deptype IN ('i', 'a') AND t.relname IN ({tables})))
GROUP BY 1 UNION ALL
SELECT 'schema ' || current_schema() || ' to ' || {grantee}, 'CREATE' FROM (SELECT n.nspowner AS relowner, n.nspacl FROM
  pg_catalog.pg_namespace n WHERE n.oid = {schema}) c, pg_catalog.aclexplode(c.nspacl) a
WHERE a.privilege_type = 'CREATE' AND {is_limited}
  AND a.grantee NOT IN (SELECT t.relowner FROM pg_catalog.pg_class t
    WHERE t.relnamespace = {schema} AND t.relname = 'users')
