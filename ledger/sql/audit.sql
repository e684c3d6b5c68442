-- name: balances_as_of
SELECT asked.tenant,
       (
           accounts.balance_micros
           - coalesce(credited.amount_micros, 0) - coalesce(moved.amount_micros, 0)
       )::bigint AS balance_micros
FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS asked (tenant, version, n)
JOIN accounts ON accounts.tenant = asked.tenant AND accounts.name = 'funds'
CROSS JOIN LATERAL (
    SELECT sum(amount_micros) AS amount_micros
    FROM postings
    WHERE postings.tenant = asked.tenant AND postings.version > asked.version
) AS credited
LEFT JOIN (
    SELECT reading.tenant,
           sum(CASE kind WHEN 'overrun' THEN amount_micros ELSE -amount_micros END)
               AS amount_micros
    FROM unnest($3::text[], $5::bigint[]) AS reading (tenant, n)
    JOIN postings ON postings.tenant = reading.tenant AND postings.n > reading.n
    WHERE shard = $1 AND epoch = $2
      -- One range of the index serves all readings, for they are taken within moments.
      AND postings.n > (SELECT min(n) FROM unnest($5::bigint[]) AS every (n))
    GROUP BY reading.tenant
) AS moved ON moved.tenant = asked.tenant
WHERE (SELECT epoch FROM shards WHERE shard = $1) = $2

-- name: find_epoch
SELECT epoch FROM shards WHERE shard = $1

-- name: unbalanced
WITH sides AS (
    SELECT credit_account AS account, amount_micros FROM postings
    UNION ALL
    SELECT debit_account, -amount_micros FROM postings
), sums AS (
    SELECT account, sum(amount_micros) AS amount_micros FROM sides GROUP BY account
)
SELECT currency,
       (
           abs(sum(coalesce(sums.amount_micros, 0)))
           + sum(abs(coalesce(balance_micros - coalesce(sums.amount_micros, 0), 0)))
       )::bigint AS unbalanced_micros
FROM accounts
LEFT JOIN sums ON sums.account = accounts.id
GROUP BY currency

-- name: set_aside_count
SELECT count(*) FROM set_aside WHERE $1 = '' OR tenant = $1

-- name: list_set_aside
SELECT shard, epoch, n, tenant, key, why, set_aside_at,
       coalesce(payload ->> 'charged', payload ->> 'charged_micros', payload ->> 'amount_micros')
           ::bigint AS amount_micros
FROM set_aside
WHERE $1 = '' OR tenant = $1
ORDER BY set_aside_at DESC, shard, n DESC
LIMIT $2
