-- name: lock_past
SELECT pg_advisory_xact_lock(hashtext('tollgate: the epoch before all'))

-- name: last_n
SELECT coalesce(max(n), 0) FROM postings WHERE shard = 0 AND epoch = 0

-- name: insert_accounts
INSERT INTO accounts (name, currency)
SELECT name, $2
FROM unnest($1::text[]) AS missing (name)
ORDER BY name
ON CONFLICT (name, currency) WHERE tenant IS NULL DO NOTHING

-- name: insert_dated_charges
INSERT INTO postings (
    shard, epoch, n, tenant, debit_account, credit_account, amount_micros, kind, call_id,
    posted_at
)
SELECT 0, 0, n, $1, funds.id, revenue.id, amount_micros, kind, call_id, posted_at
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
    AS charge (n, kind, amount_micros, call_id, posted_at)
JOIN accounts AS funds ON funds.tenant = $1 AND funds.name = 'funds'
JOIN accounts AS revenue
  ON revenue.tenant IS NULL AND revenue.name = charge.kind AND revenue.currency = funds.currency

-- name: insert_dated_top_up
INSERT INTO top_ups (
    id, tenant, provider, method, organisation_id, currency, credit_micros, pay_currency,
    pay_minor, rate_numerator, rate_denominator, created_at, facts, state, paid_at
)
VALUES ($1, $2, $3, 'any', '', $4, $5, $4, $6, 1, 1, $7, $8, 'succeeded', $7)

-- name: insert_dated_credit
INSERT INTO postings (
    debit_account, credit_account, amount_micros, kind, tenant, request_id, reason, version,
    posted_at
)
SELECT clearing.id, funds.id, $2, 'top_up', $1, $3, $4, $5, $6
FROM accounts AS funds
JOIN accounts AS clearing
  ON clearing.name = 'clearing.' || $7 AND clearing.tenant IS NULL
 AND clearing.currency = funds.currency
WHERE funds.tenant = $1 AND funds.name = 'funds'

-- name: insert_applied_change
INSERT INTO tenant_changes (tenant, version, credit_micros, applied) VALUES ($1, $2, $3, true)
