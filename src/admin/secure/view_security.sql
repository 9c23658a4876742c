SELECT c.relname::text, coalesce(array_to_string(c.reloptions, ', '), 'of its owner')
FROM pg_catalog.pg_class c WHERE c.relnamespace = {schema} AND c.relkind = 'v' AND c.relname IN ({views})
