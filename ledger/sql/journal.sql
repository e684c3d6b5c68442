-- name: find_admission
SELECT admissions FROM shards WHERE shard = $1

-- name: share_epoch
SELECT epoch, admissions FROM shards WHERE shard = $1 FOR SHARE

-- name: lock_progress
SELECT epoch, n FROM shard_progress WHERE shard = $1 FOR UPDATE

-- name: store_progress
UPDATE shard_progress SET epoch = $2, n = $3 WHERE shard = $1

-- name: find_calls
SELECT calls.tenant, calls.call_id, shard, epoch, n, model, tariff, tariff_version, analytics,
       usage, elapsed_ms, outcome, rated_micros, settle_digest
FROM unnest($1::text[], $2::text[]) AS asked (tenant, call_id)
JOIN calls USING (tenant, call_id)

-- name: find_requests
SELECT scope, requests.request_id, digest, response
FROM unnest($1::text[], $2::text[]) AS asked (scope, request_id)
JOIN requests USING (scope, request_id)

-- name: find_funds
SELECT tenant, id, currency FROM accounts WHERE tenant = ANY ($1::text[]) AND name = 'funds'

-- name: insert_receivables
INSERT INTO accounts (name, tenant, currency, balance_micros)
SELECT 'receivable', tenant, currency, 0
FROM accounts
WHERE tenant = ANY ($1::text[]) AND name = 'funds'
ORDER BY tenant
ON CONFLICT (tenant, name) WHERE tenant IS NOT NULL DO NOTHING

-- name: find_receivables
SELECT tenant, id FROM accounts WHERE tenant = ANY ($1::text[]) AND name = 'receivable'

-- name: find_returns
SELECT id, tenant, provider, amount_micros FROM returns WHERE id = ANY ($1::bigint[])

-- name: complete_returns
UPDATE returns
SET taken_micros = done.taken_micros, posted_at = now()
FROM unnest($1::bigint[], $2::bigint[]) AS done (id, taken_micros)
WHERE returns.id = done.id

-- name: find_installation_accounts
SELECT name, currency, id FROM accounts WHERE tenant IS NULL

-- name: insert_installation_accounts
INSERT INTO accounts (name, currency)
SELECT name, currency
FROM unnest($1::text[], $2::text[]) AS missing (name, currency)
ORDER BY name, currency
ON CONFLICT (name, currency) WHERE tenant IS NULL DO NOTHING

-- name: find_days
SELECT tenant, moment, tenant_day(tenant, moment) AS day
FROM unnest($1::text[], $2::timestamptz[]) AS asked (tenant, moment)

-- name: insert_requests
INSERT INTO requests (scope, request_id, digest, response)
SELECT scope, request_id, digest, response::jsonb
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[])
    AS debit (scope, request_id, digest, response)

-- name: add_spend
INSERT INTO daily_spend AS spent (tenant, day, amount_micros)
SELECT tenant, day::date, amount_micros
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS charged (tenant, day, amount_micros)
ON CONFLICT (tenant, day)
DO UPDATE SET amount_micros = spent.amount_micros + excluded.amount_micros

-- name: insert_events
INSERT INTO events (shard, epoch, n, tenant, kind, at, details)
SELECT $1, $2, n, tenant, kind, at,
       jsonb_build_object('value_micros', value_micros, 'line_micros', line_micros)
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[], $8::bigint[])
    AS crossing (n, tenant, kind, at, value_micros, line_micros)

-- name: insert_set_aside
INSERT INTO set_aside (shard, epoch, n, tenant, key, why, payload)
SELECT $1, $2, n, tenant, key, why, payload::jsonb
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS aside (n, tenant, key, why, payload)
