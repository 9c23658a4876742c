CREATE FUNCTION mecapy_calculation_kept() {head}
DECLARE
  wanted bigint;
  made timestamp;
BEGIN
  EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO wanted USING NEW;
  SELECT k.created_at INTO made FROM {schema}.{ids} k WHERE k.id = wanted;
  IF FOUND THEN
    PERFORM FROM {schema}.calculations c WHERE c.id = wanted AND c.created_at = made FOR KEY SHARE;
  END IF;
  RETURN NEW;
END $$
