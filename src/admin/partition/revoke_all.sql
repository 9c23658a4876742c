DO $$ DECLARE g record; BEGIN
  FOR g IN
    SELECT DISTINCT c.oid::regclass AS rel,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS who,
      CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END AS kind
    FROM pg_catalog.pg_class c, LATERAL aclexplode(c.relacl) a WHERE c.oid = {relation} AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s%s FROM %s', g.kind, g.rel, g.who);
  END LOOP;
END $$
