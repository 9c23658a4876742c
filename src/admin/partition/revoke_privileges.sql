DO $$ DECLARE g record; BEGIN
  FOR g IN
    SELECT DISTINCT c.oid::regclass AS tab,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS who
    FROM pg_catalog.pg_class c, LATERAL aclexplode(c.relacl) a
    WHERE a.grantee <> c.relowner AND (c.oid = '{ids}'::regclass OR c.oid IN (
      SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = 'calculations'::regclass))
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', g.tab, g.who);
  END LOOP;
END $$
