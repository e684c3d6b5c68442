-- name: insert_top_up
INSERT INTO top_ups (
    id, tenant, provider, method, organisation_id, currency, credit_micros, pay_currency,
    pay_minor, rate_day, rate_numerator, rate_denominator
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
RETURNING created_at

-- name: find
SELECT id, number, tenant, provider, method, organisation_id, currency, credit_micros,
       pay_currency, pay_minor, rate_day, rate_numerator, rate_denominator, created_at, page_url,
       provider_ref, payment_ref, facts, state, returned_micros, paid_at
FROM top_ups
WHERE tenant = $1 AND id = $2

-- name: list
SELECT id, number, tenant, provider, method, organisation_id, currency, credit_micros,
       pay_currency, pay_minor, rate_day, rate_numerator, rate_denominator, created_at, page_url,
       provider_ref, payment_ref, facts, state, returned_micros, paid_at
FROM top_ups
WHERE tenant = $1 AND ($3::bigint IS NULL OR number < $3)
ORDER BY number DESC
LIMIT $2

-- name: attach_page
UPDATE top_ups SET page_url = $2, provider_ref = $3 WHERE id = $1 AND page_url = ''
RETURNING true

-- name: lock_by_id
SELECT id, number, tenant, provider, method, organisation_id, currency, credit_micros,
       pay_currency, pay_minor, rate_day, rate_numerator, rate_denominator, created_at, page_url,
       provider_ref, payment_ref, facts, state, returned_micros, paid_at
FROM top_ups
WHERE provider = $1 AND id = $2
FOR NO KEY UPDATE

-- name: lock_by_number
SELECT id, number, tenant, provider, method, organisation_id, currency, credit_micros,
       pay_currency, pay_minor, rate_day, rate_numerator, rate_denominator, created_at, page_url,
       provider_ref, payment_ref, facts, state, returned_micros, paid_at
FROM top_ups
WHERE provider = $1 AND number = $2
FOR NO KEY UPDATE

-- name: lock_by_payment
SELECT id, number, tenant, provider, method, organisation_id, currency, credit_micros,
       pay_currency, pay_minor, rate_day, rate_numerator, rate_denominator, created_at, page_url,
       provider_ref, payment_ref, facts, state, returned_micros, paid_at
FROM top_ups
WHERE provider = $1 AND payment_ref = $2
FOR NO KEY UPDATE

-- name: insert_event
INSERT INTO payment_events (provider, event_id, top_up, kind)
VALUES ($1, $2, $3, $4)
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING true

-- name: lock_payment
SELECT pg_advisory_xact_lock(hashtextextended('payment/' || $1::text || '/' || $2::text, 0))

-- name: keep_unclaimed
INSERT INTO unclaimed_events (
    provider, event_id, payment_ref, kind, facts, pay_minor, pay_currency
)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (provider, event_id) DO NOTHING

-- name: forget_unclaimed
DELETE FROM unclaimed_events WHERE told_at < now() - interval '90 days'

-- name: list_unclaimed
SELECT event_id, kind, facts, pay_minor, pay_currency
FROM unclaimed_events
WHERE provider = $1 AND payment_ref = $2
ORDER BY event_id

-- name: update_top_up
UPDATE top_ups
SET facts = $2, state = $3, returned_micros = $4, provider_ref = $5, payment_ref = $6,
    paid_at = CASE WHEN $7 THEN now() ELSE paid_at END
WHERE id = $1

-- name: insert_return
INSERT INTO returns (top_up, tenant, provider, amount_micros)
VALUES ($1, $2, $3, $4)
RETURNING id

-- name: open_returns
SELECT id, tenant, provider, amount_micros
FROM returns
WHERE posted_at IS NULL AND id > $2
ORDER BY id
LIMIT $1

-- name: lock_tenant
SELECT currency FROM tenants WHERE id = $1 FOR NO KEY UPDATE

-- name: lock_accounts
SELECT name, id, balance_micros
FROM accounts
WHERE tenant = $1
ORDER BY id
FOR NO KEY UPDATE

-- name: insert_clearing
INSERT INTO accounts (name, currency)
VALUES ($1, $2)
ON CONFLICT (name, currency) WHERE tenant IS NULL DO NOTHING

-- name: find_clearing
SELECT id FROM accounts WHERE name = $1 AND currency = $2 AND tenant IS NULL

-- name: raise_version
UPDATE tenants SET version = version + 1 WHERE id = $1 RETURNING version

-- name: insert_change
INSERT INTO tenant_changes (tenant, version, credit_micros) VALUES ($1, $2, $3)

-- name: insert_posting
INSERT INTO postings (
    debit_account, credit_account, amount_micros, kind, tenant, request_id, reason, version
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: find_receivable
SELECT balance_micros FROM accounts WHERE tenant = $1 AND name = 'receivable'
