-- name: forget_expired_links
DELETE FROM console_links WHERE expires_at < now()

-- name: insert_link
INSERT INTO console_links (token_sha256, key_id, tenant_id, expires_at)
VALUES ($1, $2, $3, $4)

-- name: use_link
DELETE FROM console_links
WHERE token_sha256 = $1
RETURNING key_id, tenant_id, expires_at >= now() AS valid

-- name: end_session
INSERT INTO console_ended_sessions (session_id, forget_at)
VALUES ($1, $2)
ON CONFLICT (session_id) DO NOTHING

-- name: forget_ended_sessions
DELETE FROM console_ended_sessions WHERE forget_at < now()

-- name: list_ended_sessions
SELECT session_id FROM console_ended_sessions WHERE forget_at >= now()
