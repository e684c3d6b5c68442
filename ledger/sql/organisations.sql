-- name: insert_organisation
INSERT INTO organisations (
    id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: find_organisation
SELECT n, id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft,
       payer, created_at, archived_at
FROM organisations
WHERE tenant = $1 AND id = $2

-- name: lock_organisation
SELECT n, id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft,
       payer, created_at, archived_at
FROM organisations
WHERE tenant = $1 AND id = $2
FOR NO KEY UPDATE

-- name: share_organisation
SELECT n, id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft,
       payer, created_at, archived_at
FROM organisations
WHERE tenant = $1 AND id = $2
FOR SHARE

-- name: share_payer
SELECT n, id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft,
       payer, created_at, archived_at
FROM organisations
WHERE tenant = $1 AND payer
FOR SHARE

-- name: list_organisations
SELECT n, id, tenant, name, inn, kpp, legal_address, settlement_account, bik, email, draft,
       payer, created_at, archived_at
FROM organisations
WHERE tenant = $1 AND n > $2 AND ($3 OR archived_at IS NULL)
ORDER BY n
LIMIT $4

-- name: update_organisation
UPDATE organisations
SET name = $3, inn = $4, kpp = $5, legal_address = $6, settlement_account = $7, bik = $8,
    email = $9, draft = $10, payer = $11
WHERE tenant = $1 AND id = $2

-- name: archive_organisation
UPDATE organisations
SET archived_at = coalesce(archived_at, $3), payer = false
WHERE tenant = $1 AND id = $2

-- name: lock_tenant
SELECT true FROM tenants WHERE id = $1 FOR NO KEY UPDATE

-- name: share_tenant
SELECT true FROM tenants WHERE id = $1 FOR KEY SHARE

-- name: drop_payer
UPDATE organisations SET payer = false WHERE tenant = $1 AND payer

-- name: set_payer
UPDATE organisations SET payer = true WHERE tenant = $1 AND id = $2
