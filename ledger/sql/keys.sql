-- name: insert_key
INSERT INTO api_keys (key_id, name, scopes, secret_sha256)
VALUES ($1, $2, $3, $4)
ON CONFLICT (key_id) DO NOTHING

-- name: find_key
SELECT key_id, name, scopes, secret_sha256, created_at, revoked_at
FROM api_keys
WHERE key_id = $1

-- name: list_keys
SELECT key_id, name, scopes, secret_sha256, created_at, revoked_at
FROM api_keys
ORDER BY created_at, key_id

-- name: revoke_key
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1
