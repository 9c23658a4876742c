SELECT p.role_name, {is_admin}, {is_service}, p.user_id, u.keycloak_id, u.username,
  u.email, p.is_on AND coalesce(u.is_active, true), coalesce(r.rolcanlogin, false), u.last_login,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid
   AND a.datname = current_database()), r.oid IS NOT NULL, {is_user}, {powers}
FROM {people} p LEFT JOIN users u ON u.id = p.user_id
LEFT JOIN pg_catalog.pg_roles r ON r.rolname = p.role_name ORDER BY 1
