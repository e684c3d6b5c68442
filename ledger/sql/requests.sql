-- name: claim
INSERT INTO requests (scope, request_id, digest)
VALUES ($1, $2, $3)
ON CONFLICT (scope, request_id) DO NOTHING
RETURNING true

-- name: find
SELECT digest, response FROM requests WHERE scope = $1 AND request_id = $2

-- name: answer
UPDATE requests SET response = $3 WHERE scope = $1 AND request_id = $2
