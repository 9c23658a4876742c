SELECT k.conrelid::regclass::text, quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid),
k.conrelid = {table}, k.confrelid = {target} FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = {table} OR k.confrelid = {target}) ORDER BY 1, 2
