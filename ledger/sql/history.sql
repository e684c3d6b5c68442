-- name: month
SELECT accounts.currency, accounts.balance_micros AS ledger_micros,
       counted.handled, counted.tokens, charged.spent_micros
FROM accounts
CROSS JOIN (
    SELECT coalesce(sum(handled), 0)::bigint AS handled,
           coalesce(sum(tokens), 0)::bigint AS tokens
    FROM call_days
    WHERE tenant = $1 AND day BETWEEN $2 AND $3
) AS counted
CROSS JOIN (
    SELECT coalesce(-sum(amount_micros), 0)::bigint AS spent_micros
    FROM history
    WHERE tenant = $1 AND day BETWEEN $2 AND $3 AND kind IN ('calls', 'analytics')
) AS charged
WHERE accounts.tenant = $1 AND accounts.name = 'funds'

-- name: daily_spend
SELECT day, amount_micros
FROM daily_spend
WHERE tenant = $1 AND day BETWEEN $2 AND $3 AND amount_micros <> 0
ORDER BY day

-- name: list_rows
SELECT number, key, kind, status, day, at, amount_micros, calls, note, provider, details_url
FROM history
WHERE tenant = $1
  AND day >= coalesce($2::date, '-infinity') AND day <= coalesce($3::date, 'infinity')
  AND (cardinality($4::text[]) = 0 OR kind = ANY ($4::text[]))
  AND (cardinality($5::text[]) = 0 OR status = ANY ($5::text[]))
  AND number < $6
ORDER BY number DESC
LIMIT $7

-- name: find_row
SELECT number, key, kind, status, day, at, amount_micros, calls, note, provider, details_url
FROM history
WHERE tenant = $1 AND number = $2

-- name: list_gathered_calls
SELECT calls.tenant, calls.call_id, model, tariff, tariff_version, analytics, caller, callee,
       direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
       outcome, calls.elapsed_ms, calls.usage, cost, rated_micros, charged_micros,
       overrun_micros, spend_by_day, settle_digest, shard, epoch, n, posted_at, day,
       late_usage.usage AS late_quantities, late_usage.elapsed_ms AS late_elapsed_ms
FROM calls
CROSS JOIN LATERAL (
    SELECT least(coalesce(sum((part ->> 1)::bigint), 0), charged_micros) AS analytics_micros
    FROM jsonb_array_elements(cost) AS part
    WHERE part ->> 0 = 'analytics'
) AS split
LEFT JOIN late_usage USING (tenant, call_id)
WHERE calls.tenant = $1 AND day = $13
  AND CASE $14
          WHEN 'analytics' THEN analytics_micros > 0
          ELSE charged_micros > analytics_micros
      END
  AND settled_at >= $13::date - interval '1 day' AND settled_at < $13::date + interval '2 days'
  AND settled_at >= coalesce($2::timestamptz, '-infinity')
  AND settled_at < coalesce($3::timestamptz, 'infinity')
  AND day >= coalesce($4::date, '-infinity') AND day <= coalesce($5::date, 'infinity')
  -- Any zone's days lie within these, and the index knows only the moment.
  AND settled_at >= coalesce($4::date - interval '1 day', '-infinity')
  AND settled_at < coalesce($5::date + interval '2 days', 'infinity')
  AND ($6 = '' OR model = $6)
  AND ($7 = '' OR assistant_id = $7)
  AND ($8 = '' OR $8 IN (caller, callee))
  AND (cardinality($9::smallint[]) = 0 OR outcome = ANY ($9::smallint[]))
  AND (settled_at, calls.call_id) < ($10::timestamptz, $11::text)
ORDER BY settled_at DESC, calls.call_id DESC
LIMIT $12

-- name: list_refusals
SELECT id, at, reason, call_id, model, caller, callee, direction, assistant_id
FROM refusals
WHERE tenant = $1 AND id < $2
ORDER BY id DESC
LIMIT $3

-- name: export_rows
SELECT number, key, kind, status, day, at, amount_micros, calls, note, provider, details_url
FROM history
WHERE tenant = $1
  AND day >= coalesce($2::date, '-infinity') AND day <= coalesce($3::date, 'infinity')
  AND (cardinality($4::text[]) = 0 OR kind = ANY ($4::text[]))
  AND (cardinality($5::text[]) = 0 OR status = ANY ($5::text[]))
ORDER BY number

-- name: export_calls
SELECT calls.tenant, calls.call_id, model, tariff, tariff_version, analytics, caller, callee,
       direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
       outcome, elapsed_ms, usage, cost, rated_micros, charged_micros, overrun_micros,
       spend_by_day, settle_digest, shard, epoch, n, posted_at, day,
       NULL::jsonb AS late_quantities, NULL::bigint AS late_elapsed_ms
FROM calls
WHERE tenant = $1
  AND day >= coalesce($2::date, '-infinity') AND day <= coalesce($3::date, 'infinity')
  AND settled_at >= coalesce($2::date - interval '1 day', '-infinity')
  AND settled_at < coalesce($3::date + interval '2 days', 'infinity')
ORDER BY settled_at, call_id

-- name: export_refusals
SELECT id, at, reason, call_id, model, caller, callee, direction, assistant_id
FROM refusals
WHERE tenant = $1
  AND tenant_day(tenant, at) >= coalesce($2::date, '-infinity')
  AND tenant_day(tenant, at) <= coalesce($3::date, 'infinity')
ORDER BY id

-- name: next_number
INSERT INTO history_counters AS held (tenant, last_number)
VALUES ($1, 1)
ON CONFLICT (tenant) DO UPDATE SET last_number = held.last_number + 1
RETURNING last_number

-- name: insert_pending
INSERT INTO history (
    tenant, number, key, kind, status, day, at, amount_micros, calls, note, provider, details_url
)
VALUES ($1, $2, $3, $4, 'pending', tenant_day($1, $5), $5, $6, 0, '', $7, $8)

-- name: set_details
UPDATE history SET details_url = $3 WHERE tenant = $1 AND key = $2

-- name: mark_row
UPDATE history SET status = $3 WHERE tenant = $1 AND key = $2
