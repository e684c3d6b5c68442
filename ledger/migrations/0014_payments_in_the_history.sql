-- Payments in the history and on documents. A tenant may have a receivable beside its funds now,
-- and only what moves the funds counts in the history: what a payment paid of a debt, or what a
-- return left owing, is in no amount. A payment's request id is its row's kind, a slash and what
-- it belongs to; a payment of a debt alone is posted before the rest of its top-up.

-- What a call could not cover comes off its usage first and off its analytics last, because
-- the fee for analytics is charged with the first report.
CREATE OR REPLACE FUNCTION record_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH effects AS (
        SELECT inserted.tenant, call_id, request_id, min(kind) AS kind, min(posted_at) AS at,
               min(reason) AS note,
               sum(
                   CASE funds.id
                       WHEN credit_account THEN amount_micros
                       WHEN debit_account THEN -amount_micros
                       ELSE 0
                   END
               ) AS amount_micros,
               sum(CASE kind WHEN 'revenue.analytics' THEN amount_micros ELSE 0 END)
                   AS analytics_micros,
               max(
                   CASE
                       WHEN kind IN ('top_up', 'give_back', 'owed_paid') THEN debit_account
                       WHEN kind IN ('return', 'return_owed') THEN credit_account
                   END
               ) AS clearing_account
        FROM inserted
        JOIN accounts AS funds ON funds.tenant = inserted.tenant AND funds.name = 'funds'
        GROUP BY inserted.tenant, call_id, request_id
    ), charges AS (
        SELECT effects.tenant, calls.day, calls.settled_at, -effects.amount_micros AS charged,
               least(analytics_micros, -effects.amount_micros) AS analytics
        FROM effects
        LEFT JOIN calls ON calls.tenant = effects.tenant AND calls.call_id = effects.call_id
        WHERE effects.call_id IS NOT NULL
    ), moved AS (
        SELECT tenant, 'calls' AS kind, day, to_char(day, 'YYYY-MM-DD"/calls"') AS key,
               max(settled_at) AS at,
               sum(analytics - charged) AS amount_micros, count(*) AS calls, '' AS note, '' AS provider
        FROM charges
        WHERE charged > analytics
        GROUP BY tenant, day
        UNION ALL
        SELECT tenant, 'analytics', day, to_char(day, 'YYYY-MM-DD"/analytics"'), max(settled_at),
               sum(-analytics), count(*), '', ''
        FROM charges
        WHERE analytics > 0
        GROUP BY tenant, day
        UNION ALL
        SELECT tenant,
               CASE
                   WHEN kind IN ('credit', 'debit') THEN 'adjustment'
                   ELSE split_part(request_id, '/', 1)
               END,
               tenant_day(tenant, at), request_id, at, amount_micros, 0, coalesce(note, ''),
               coalesce(
                   (
                       SELECT substr(name, length('clearing.') + 1)
                       FROM accounts
                       WHERE id = clearing_account
                   ),
                   ''
               )
        FROM effects
        WHERE request_id IS NOT NULL
    ), changed AS (
        UPDATE history
        SET amount_micros = moved.amount_micros + CASE
                WHEN history.status IN ('pending', 'failed') THEN 0 ELSE history.amount_micros
            END,
            status = CASE
                WHEN history.status IN ('pending', 'failed') THEN 'succeeded'
                ELSE history.status
            END,
            calls = history.calls + moved.calls,
            at = greatest(history.at, moved.at),
            day = moved.day
        FROM moved
        WHERE history.tenant = moved.tenant AND history.key = moved.key
    ), fresh AS (
        SELECT moved.*,
               count(*) OVER (PARTITION BY moved.tenant) AS rows_of_tenant,
               row_number() OVER (PARTITION BY moved.tenant ORDER BY moved.at, moved.kind DESC)
                   AS position
        FROM moved
        LEFT JOIN history ON history.tenant = moved.tenant AND history.key = moved.key
        WHERE history.number IS NULL
    ), numbered AS (
        INSERT INTO history_counters AS held (tenant, last_number)
        SELECT tenant, count(*) FROM fresh GROUP BY tenant ORDER BY tenant
        ON CONFLICT (tenant) DO UPDATE SET last_number = held.last_number + excluded.last_number
        RETURNING tenant, last_number
    )
    INSERT INTO history (
        tenant, number, key, kind, status, day, at, amount_micros, calls, note, provider
    )
    SELECT tenant, last_number - rows_of_tenant + position, key, kind, 'succeeded', day, at,
           amount_micros, calls, note, provider
    FROM fresh
    JOIN numbered USING (tenant);
    RETURN NULL;
END $$;

-- Top-ups of before get their rows when they are paid; those that are not paid get them here.
WITH waiting AS (
    SELECT tenant, 'top_up/' || id AS key, created_at, credit_micros, provider, page_url,
           CASE state WHEN 'pending' THEN 'pending' ELSE 'failed' END AS status,
           row_number() OVER (PARTITION BY tenant ORDER BY top_ups.number) AS position,
           count(*) OVER (PARTITION BY tenant) AS rows_of_tenant
    FROM top_ups
    WHERE paid_at IS NULL
), numbered AS (
    INSERT INTO history_counters AS held (tenant, last_number)
    SELECT DISTINCT tenant, rows_of_tenant FROM waiting
    ON CONFLICT (tenant) DO UPDATE SET last_number = held.last_number + excluded.last_number
    RETURNING tenant, last_number
)
INSERT INTO history (
    tenant, number, key, kind, status, day, at, amount_micros, calls, note, provider, details_url
)
SELECT tenant, last_number - rows_of_tenant + position, key, 'top_up', status,
       tenant_day(tenant, created_at), created_at, credit_micros, 0, '', provider, page_url
FROM waiting
JOIN numbered USING (tenant);

-- An invoice for a top-up is for one of the document's own tenant.
ALTER TABLE top_ups ADD CONSTRAINT top_ups_of_a_tenant UNIQUE (tenant, id);
ALTER TABLE documents ADD CONSTRAINT documents_top_up_of_the_tenant
    FOREIGN KEY (tenant, top_up) REFERENCES top_ups (tenant, id);
