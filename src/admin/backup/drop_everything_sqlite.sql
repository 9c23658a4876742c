SELECT 'DROP ' || upper(m.type) || ' "' || replace(m.name, '"', '""') || '"' FROM main.sqlite_master m
LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = m.name AND m.type = 'table'
WHERE m.type IN ('trigger', 'view', 'table') AND coalesce(l.type, '') <> 'shadow'
AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY CASE m.type WHEN 'trigger' THEN 0 WHEN 'view' THEN 1 ELSE 2 END, l.type = 'virtual' DESC
