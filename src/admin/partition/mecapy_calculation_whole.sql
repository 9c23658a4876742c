CREATE FUNCTION mecapy_calculation_whole() {head}
BEGIN
  RAISE feature_not_supported USING
    MESSAGE = 'cannot truncate calculations: links lead to its rows',
    HINT = 'DELETE FROM calculations checks them.';
END $$
