-- name: lock_tariffs
LOCK TABLE tariffs IN SHARE ROW EXCLUSIVE MODE

-- name: newest_version
SELECT version, currency, effective_from, now() AS now
FROM (SELECT 1) AS always
LEFT JOIN tariffs ON name = $1
ORDER BY version DESC NULLS LAST
LIMIT 1

-- name: insert_tariff
INSERT INTO tariffs (name, version, currency, effective_from, document)
VALUES ($1, $2, $3, $4, $5)

-- name: list_tariffs
SELECT document FROM tariffs WHERE $1::text IS NULL OR name = $1 ORDER BY name, version
