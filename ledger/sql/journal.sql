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

-- name: insert_calls
INSERT INTO calls (
    shard, epoch, n, tenant, call_id, model, tariff, tariff_version, analytics, caller, callee,
    direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
    outcome, elapsed_ms, usage, cost, rated_micros, charged_micros, overrun_micros, spend_by_day,
    settle_digest, day
)
SELECT $1, $2, n, tenant, call_id, model, tariff, tariff_version, analytics, caller, callee,
       direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
       outcome, elapsed_ms, usage::jsonb, cost::jsonb, rated_micros, charged_micros,
       overrun_micros, spend_by_day::jsonb, settle_digest, tenant_day(tenant, settled_at)
FROM unnest(
    $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::boolean[],
    $10::text[], $11::text[], $12::smallint[], $13::text[], $14::timestamptz[],
    $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::timestamptz[],
    $19::smallint[], $20::bigint[], $21::text[], $22::text[], $23::bigint[], $24::bigint[],
    $25::bigint[], $26::text[], $27::bytea[]
) AS settled (
    n, tenant, call_id, model, tariff, tariff_version, analytics, caller, callee, direction,
    assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at, outcome,
    elapsed_ms, usage, cost, rated_micros, charged_micros, overrun_micros, spend_by_day,
    settle_digest
)

-- name: insert_requests
INSERT INTO requests (scope, request_id, digest, response)
SELECT scope, request_id, digest, response::jsonb
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[])
    AS debit (scope, request_id, digest, response)

-- name: insert_postings
INSERT INTO postings (
    shard, epoch, n, tenant, debit_account, credit_account, amount_micros, kind, call_id,
    request_id, reason
)
SELECT CASE WHEN n IS NOT NULL THEN $1::integer END, CASE WHEN n IS NOT NULL THEN $2::bigint END,
       n, tenant, debit_account, credit_account, amount_micros, kind, call_id, request_id, reason
FROM unnest(
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
    $10::text[], $11::text[]
) AS posting (
    n, tenant, debit_account, credit_account, amount_micros, kind, call_id, request_id, reason
)

-- name: add_spend
INSERT INTO daily_spend AS spent (tenant, day, amount_micros)
SELECT tenant, day::date, amount_micros
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS charged (tenant, day, amount_micros)
ON CONFLICT (tenant, day)
DO UPDATE SET amount_micros = spent.amount_micros + excluded.amount_micros

-- name: insert_events
INSERT INTO events (shard, epoch, n, tenant, kind, at)
SELECT $1, $2, n, tenant, kind, at
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
    AS crossing (n, tenant, kind, at)

-- name: insert_set_aside
INSERT INTO set_aside (shard, epoch, n, tenant, key, why, payload)
SELECT $1, $2, n, tenant, key, why, payload::jsonb
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS aside (n, tenant, key, why, payload)
