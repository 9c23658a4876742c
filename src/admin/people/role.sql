SELECT r.rolcanlogin, {powers}, {is_user}, {is_admin}, {is_service}, m.keycloak_id, m.is_active, m.program
FROM (SELECT $1::text AS name) n LEFT JOIN pg_catalog.pg_roles r ON r.rolname = n.name
LEFT JOIN (SELECT p.role_name, u.keycloak_id, u.is_active,
  CASE WHEN p.user_id IS NULL THEN p.is_on END AS program FROM {people} p LEFT JOIN users u ON u.id = p.user_id) m
  ON m.role_name = n.name
