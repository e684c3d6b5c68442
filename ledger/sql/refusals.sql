-- name: add_counts
INSERT INTO refusal_counts AS held (tenant, day, reason, count)
SELECT tenants.id, day::date, reason, added.count
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
    AS added (tenant, day, reason, count)
JOIN tenants ON tenants.id = added.tenant
ORDER BY tenants.id, day, reason
ON CONFLICT (tenant, day, reason) DO UPDATE SET count = held.count + excluded.count

-- name: insert_refusals
INSERT INTO refusals (
    tenant, at, reason, call_id, model, caller, callee, direction, assistant_id
)
SELECT tenants.id, at, reason, call_id, model, caller, callee, direction, assistant_id
FROM unnest(
    $1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::smallint[], $9::text[]
) WITH ORDINALITY AS refused (
    tenant, at, reason, call_id, model, caller, callee, direction, assistant_id, position
)
JOIN tenants ON tenants.id = refused.tenant
ORDER BY position

-- name: trim_refusals
DELETE FROM refusals
USING (
    SELECT asked.tenant, (
        SELECT id FROM refusals
        WHERE refusals.tenant = asked.tenant
        ORDER BY id DESC
        OFFSET $2 LIMIT 1
    ) AS oldest_id
    FROM unnest($1::text[]) AS asked (tenant)
) AS trimmed
WHERE refusals.tenant = trimmed.tenant AND refusals.id <= trimmed.oldest_id

-- name: latest_refusals
SELECT tenant, at, reason, call_id, model, caller, callee, direction, assistant_id
FROM refusals
WHERE tenant = $1
ORDER BY id DESC
LIMIT $2

-- name: count_refusals
SELECT to_char(day, 'YYYYMMDD') AS day, reason, count
FROM refusal_counts
WHERE tenant = $1 AND day BETWEEN $2::text::date AND $3::text::date
ORDER BY day, reason
