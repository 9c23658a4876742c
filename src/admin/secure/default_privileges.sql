SELECT {grantee}, string_agg(DISTINCT a.privilege_type, ', ') FROM (SELECT f.defaclrole AS relowner, f.* FROM
pg_catalog.pg_default_acl f) c, pg_catalog.aclexplode(c.defaclacl) a
WHERE c.defaclobjtype = 'r' AND (c.defaclnamespace = 0 OR c.defaclnamespace = {schema}) AND {is_limited}
AND c.defaclrole IN (SELECT t.relowner FROM pg_catalog.pg_class t WHERE t.relnamespace = {schema}
  AND t.relname IN ({tables})) GROUP BY 1
