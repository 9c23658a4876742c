SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
|| ' needs calculations as it is; drop it, and make it again afterwards' FROM pg_catalog.pg_depend d
WHERE d.deptype = 'n' AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = {table}
 AND d.classid NOT IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
 OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT t.oid FROM pg_catalog.pg_type t
  WHERE t.typrelid = {table} OR t.typelem IN (SELECT y.oid FROM pg_catalog.pg_type y WHERE y.typrelid = {table})))
AND NOT (d.classid = 'pg_proc'::regclass AND d.objid IN
 (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.proname IN ({own})))
UNION ALL SELECT format('the publication %I tells of calculations; take the table out of it, and put it in again afterwards', p.pubname) FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
WHERE r.prrelid = {table}
UNION ALL SELECT format('calculations has the rule %I; drop it', rulename) FROM pg_catalog.pg_rewrite
WHERE ev_class = {table}
UNION ALL SELECT format('%s inherits from calculations', i.inhrelid::regclass) FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhparent WHERE c.oid = {table} AND c.relkind = 'r'
