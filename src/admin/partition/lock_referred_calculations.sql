DO $$ DECLARE k record; BEGIN
  FOR k IN
    SELECT c.conrelid::regclass AS tab, a.attname AS col, left('mecapy_calculation_kept_' || a.attname, 63) AS name
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.confrelid = '{ids}'::regclass AND c.conparentid = 0
    AND c.conrelid <> 'calculations'::regclass
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = k.tab AND t.tgname = k.name) THEN
      EXECUTE format(
        'CREATE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %s FOR EACH ROW EXECUTE FUNCTION mecapy_calculation_kept(%L)',
        k.name, k.col, k.tab, k.col);
    END IF;
  END LOOP;
END $$
