-- Rows for what was posted before there was a history, numbered by when each first moved money.

INSERT INTO call_days (tenant, day, calls, handled, tokens)
SELECT tenant, day, count(*), count(elapsed_ms),
       sum(
           coalesce((usage ->> 'llm_input_tokens')::bigint, 0)
           + coalesce((usage ->> 'llm_cached_tokens')::bigint, 0)
           + coalesce((usage ->> 'llm_output_tokens')::bigint, 0)
       )
FROM calls
GROUP BY tenant, day;

WITH effects AS (
    SELECT postings.tenant, call_id, request_id, min(postings.id) AS first_id,
           min(posted_at) AS at, min(reason) AS note,
           sum(
               CASE funds.id
                   WHEN credit_account THEN amount_micros
                   WHEN debit_account THEN -amount_micros
                   ELSE 0
               END
           ) AS amount_micros,
           sum(CASE kind WHEN 'revenue.analytics' THEN amount_micros ELSE 0 END)
               AS analytics_micros
    FROM postings
    JOIN accounts AS funds ON funds.tenant = postings.tenant
    GROUP BY postings.tenant, call_id, request_id
), charges AS (
    SELECT effects.tenant, calls.day, calls.settled_at, first_id,
           -effects.amount_micros AS charged,
           least(analytics_micros, -effects.amount_micros) AS analytics
    FROM effects
    JOIN calls ON calls.tenant = effects.tenant AND calls.call_id = effects.call_id
), moved AS (
    SELECT tenant, 'calls' AS kind, day, to_char(day, 'YYYY-MM-DD"/calls"') AS key,
           max(settled_at) AS at,
           sum(analytics - charged) AS amount_micros, count(*) AS calls, '' AS note,
           min(first_id) AS first_id
    FROM charges
    WHERE charged > analytics
    GROUP BY tenant, day
    UNION ALL
    SELECT tenant, 'analytics', day, to_char(day, 'YYYY-MM-DD"/analytics"'), max(settled_at),
           sum(-analytics), count(*), '', min(first_id)
    FROM charges
    WHERE analytics > 0
    GROUP BY tenant, day
    UNION ALL
    SELECT tenant, 'adjustment', tenant_day(tenant, at), request_id, at, amount_micros, 0,
           coalesce(note, ''), first_id
    FROM effects
    WHERE request_id IS NOT NULL
)
INSERT INTO history (tenant, number, key, kind, status, day, at, amount_micros, calls, note)
SELECT tenant, row_number() OVER (PARTITION BY tenant ORDER BY first_id, kind DESC), key, kind,
       'succeeded', day, at, amount_micros, calls, note
FROM moved;

INSERT INTO history_counters (tenant, last_number)
SELECT tenant, max(number) FROM history GROUP BY tenant;
