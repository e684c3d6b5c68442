-- name: insert
INSERT INTO exchange_rates (base, quote, day, numerator, denominator)
VALUES ($1, $2, $3, $4, $5)

-- name: rate_on
SELECT numerator, denominator, day
FROM exchange_rates
WHERE base = $1 AND quote = $2 AND day <= $3
ORDER BY day DESC, id DESC
LIMIT 1

-- name: list
SELECT base, quote, day, numerator, denominator, set_at
FROM (
    SELECT DISTINCT ON (base, quote, day) base, quote, day, numerator, denominator, set_at
    FROM exchange_rates
    ORDER BY base, quote, day, id DESC
) AS newest
ORDER BY day DESC, base, quote
LIMIT $1 OFFSET $2
