SELECT DISTINCT v.oid::regclass::text FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
WHERE t.relnamespace = current_schema()::text::regnamespace AND t.relname IN ({tables}) AND v.oid <> t.oid
AND NOT (v.relnamespace = t.relnamespace AND v.relname IN ('user_stats', 'recent_calculations')) ORDER BY 1
