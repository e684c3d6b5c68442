-- name: find_tariff
SELECT currency FROM tariffs WHERE name = $1 LIMIT 1

-- name: insert_tenant
INSERT INTO tenants (
    id, name, currency, tariff, time_zone, daily_cap_micros, credit_limit_micros,
    concurrent_calls, call_cost_limit_micros, low_balance_threshold_micros, calls_per_minute,
    caller_daily_limit_micros, call_length_limit_ms, suspended
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: insert_installation_accounts
INSERT INTO accounts (name, currency)
VALUES ('adjustments', $1), ('overrun', $1)
ON CONFLICT (name, currency) WHERE tenant IS NULL DO NOTHING

-- name: insert_funds
INSERT INTO accounts (name, tenant, currency, balance_micros) VALUES ('funds', $1, $2, 0)

-- name: find_tenant
SELECT id, name, currency, tariff, time_zone, next_time_zone, zone_starts_at, daily_cap_micros,
       credit_limit_micros, concurrent_calls, call_cost_limit_micros,
       low_balance_threshold_micros, calls_per_minute, caller_daily_limit_micros,
       call_length_limit_ms, suspended, version, profile_version, created_at
FROM tenants
WHERE id = $1

-- name: lock_tenant
SELECT id, name, currency, tariff, time_zone, next_time_zone, zone_starts_at, daily_cap_micros,
       credit_limit_micros, concurrent_calls, call_cost_limit_micros,
       low_balance_threshold_micros, calls_per_minute, caller_daily_limit_micros,
       call_length_limit_ms, suspended, version, profile_version, created_at
FROM tenants
WHERE id = $1
FOR NO KEY UPDATE

-- name: list_tenants
SELECT id, name, currency, tariff, time_zone, next_time_zone, zone_starts_at, daily_cap_micros,
       credit_limit_micros, concurrent_calls, call_cost_limit_micros,
       low_balance_threshold_micros, calls_per_minute, caller_daily_limit_micros,
       call_length_limit_ms, suspended, version, profile_version, created_at
FROM tenants
WHERE id > $2
  AND ($3 = '' OR strpos(lower(id), lower($3)) > 0 OR strpos(lower(name), lower($3)) > 0)
ORDER BY id
LIMIT $1

-- name: update_tenant
UPDATE tenants
SET name = $2, tariff = $3, time_zone = $4, next_time_zone = $5, zone_starts_at = $6,
    daily_cap_micros = $7, credit_limit_micros = $8, concurrent_calls = $9,
    call_cost_limit_micros = $10, low_balance_threshold_micros = $11, calls_per_minute = $12,
    caller_daily_limit_micros = $13, call_length_limit_ms = $14, suspended = $15, version = $16,
    profile_version = $17
WHERE id = $1

-- name: raise_version
UPDATE tenants SET version = version + 1 WHERE id = $1 RETURNING version

-- name: insert_change
INSERT INTO tenant_changes (tenant, version, credit_micros, settings) VALUES ($1, $2, $3, $4)

-- name: insert_credit
INSERT INTO postings (
    debit_account, credit_account, amount_micros, kind, tenant, request_id, reason, version
)
SELECT adjustments.id, funds.id, $2, 'credit', $1, $3, $4, $5
FROM accounts AS funds
JOIN accounts AS adjustments
  ON adjustments.name = 'adjustments' AND adjustments.tenant IS NULL
 AND adjustments.currency = funds.currency
WHERE funds.tenant = $1 AND funds.name = 'funds'

-- name: list_changes
SELECT version, credit_micros, settings
FROM tenant_changes
WHERE tenant = $1 AND version > $2
ORDER BY version

-- name: find_versions
SELECT id, version FROM tenants WHERE id = ANY ($1::text[])

-- name: unapplied_changes
SELECT tenant, version
FROM tenant_changes
WHERE NOT applied
ORDER BY changed_at, tenant, version
LIMIT $1

-- name: mark_applied
UPDATE tenant_changes SET applied = true WHERE tenant = $1 AND version <= $2 AND NOT applied

-- name: snapshot
SELECT tenants.id, tenants.name, tenants.currency, tariff, time_zone, next_time_zone,
       zone_starts_at, daily_cap_micros, credit_limit_micros, concurrent_calls,
       call_cost_limit_micros, low_balance_threshold_micros, calls_per_minute,
       caller_daily_limit_micros, call_length_limit_ms, suspended, version,
       profile_version, created_at, balance_micros,
       (
           SELECT jsonb_object_agg(to_char(day, 'YYYYMMDD'), amount_micros)
           FROM daily_spend
           WHERE tenant = tenants.id AND day = ANY ($2::text[]::date[])
       ) AS spend
FROM tenants
JOIN accounts ON accounts.tenant = tenants.id AND accounts.name = 'funds'
WHERE tenants.id = $1

-- name: find_debit
SELECT postings.tenant, postings.request_id, amount_micros, digest, reason, posted_at
FROM postings
JOIN requests ON requests.scope = postings.tenant
             AND requests.request_id = postings.request_id
WHERE postings.tenant = $1 AND postings.request_id = $2 AND kind = 'debit'

-- name: find_request
SELECT true FROM requests WHERE scope = $1 AND request_id = $2
