-- name: find_call
SELECT calls.tenant, calls.call_id, model, tariff, tariff_version, analytics, caller, callee,
       direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
       outcome, calls.elapsed_ms, calls.usage, cost, rated_micros, charged_micros,
       overrun_micros, spend_by_day, settle_digest, shard, epoch, n, posted_at, day,
       late_usage.usage AS late_quantities, late_usage.elapsed_ms AS late_elapsed_ms
FROM calls
LEFT JOIN late_usage USING (tenant, call_id)
WHERE calls.tenant = $1 AND calls.call_id = $2

-- name: list_calls
SELECT calls.tenant, calls.call_id, model, tariff, tariff_version, analytics, caller, callee,
       direction, assistant_id, authorized_at, started_at, answered_at, ended_at, settled_at,
       outcome, calls.elapsed_ms, calls.usage, cost, rated_micros, charged_micros,
       overrun_micros, spend_by_day, settle_digest, shard, epoch, n, posted_at, day,
       late_usage.usage AS late_quantities, late_usage.elapsed_ms AS late_elapsed_ms
FROM calls
LEFT JOIN late_usage USING (tenant, call_id)
WHERE calls.tenant = $1
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

-- name: record_late_usage
INSERT INTO late_usage AS held (tenant, call_id, usage, elapsed_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, call_id) DO UPDATE
SET usage = (
        SELECT jsonb_object_agg(meter, quantity)
        FROM (
            SELECT meter, max(quantity::bigint) AS quantity
            FROM (
                SELECT meter, quantity FROM jsonb_each_text(held.usage) AS old (meter, quantity)
                UNION ALL
                SELECT meter, quantity FROM jsonb_each_text($3) AS new (meter, quantity)
            ) AS both_usages
            GROUP BY meter
        ) AS highest
    ),
    elapsed_ms = greatest(held.elapsed_ms, excluded.elapsed_ms),
    recorded_at = now()
