UPDATE users SET username = coalesce($2, username), email = coalesce($3, email),
  display_name = coalesce($4, display_name), is_active = true, updated_at = now() AT TIME ZONE 'utc'
WHERE keycloak_id = $1 AND (NOT is_active OR username <> $2 OR email <> $3
  OR display_name IS DISTINCT FROM coalesce($4, display_name)) RETURNING id
