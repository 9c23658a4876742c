CREATE FUNCTION mecapy_calculation_id() {head}
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO {schema}.{ids} (id, created_at) VALUES (NEW.id, NEW.created_at) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (
      SELECT FROM {schema}.{ids} k WHERE k.id = NEW.id AND k.created_at = NEW.created_at
    ) THEN
      RAISE unique_violation USING
        MESSAGE = 'duplicate key value violates unique constraint "calculations_pkey"',
        DETAIL = format('Key (id)=(%s) already exists.', NEW.id),
        SCHEMA = TG_TABLE_SCHEMA, TABLE = 'calculations', CONSTRAINT = 'calculations_pkey';
    END IF;
    RETURN NEW;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE {schema}.{ids} SET id = NEW.id, created_at = NEW.created_at WHERE id = OLD.id;
    RETURN NEW;
  END IF;
  DELETE FROM {schema}.{ids} k WHERE k.id = OLD.id AND k.created_at = OLD.created_at;
  RETURN NULL;
END $$
