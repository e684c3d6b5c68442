-- Posting a group of calls costs a third less: what the triggers look at is added up first, and the
-- history takes a day's charges from the calls themselves instead of joining their postings to them.

-- Money that moved between two accounts on a tenant's behalf.
CREATE TYPE movement AS (
    tenant text, debit_account bigint, credit_account bigint, amount_micros bigint
);

-- As before: both accounts exist, hold one currency, and the funds are the tenant's own.
CREATE OR REPLACE FUNCTION move_funds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    movements movement[];
BEGIN
    SELECT array_agg(ROW (tenant, debit_account, credit_account, amount_micros)::movement)
    INTO movements
    FROM (
        SELECT tenant, debit_account, credit_account, sum(amount_micros) AS amount_micros
        FROM inserted
        GROUP BY tenant, debit_account, credit_account
    ) AS sums;

    IF EXISTS (
        SELECT 1
        FROM unnest(movements) AS moved
        LEFT JOIN accounts AS debit ON debit.id = moved.debit_account
        LEFT JOIN accounts AS credit ON credit.id = moved.credit_account
        WHERE debit.currency IS DISTINCT FROM credit.currency
           OR debit.currency IS NULL
           OR coalesce(debit.tenant, moved.tenant) <> moved.tenant
           OR coalesce(credit.tenant, moved.tenant) <> moved.tenant
    ) THEN
        RAISE EXCEPTION 'a posting joins accounts that do not belong together'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'postings_accounts_fit';
    END IF;

    -- In the order of their ids, so that two groups never wait for each other.
    PERFORM 1
    FROM accounts
    WHERE balance_micros IS NOT NULL
      AND id IN (
          SELECT debit_account FROM unnest(movements)
          UNION
          SELECT credit_account FROM unnest(movements)
      )
    ORDER BY id
    FOR NO KEY UPDATE;

    UPDATE accounts
    SET balance_micros = accounts.balance_micros + moved.amount_micros
    FROM (
        SELECT account, sum(amount_micros) AS amount_micros
        FROM (
            SELECT credit_account AS account, amount_micros FROM unnest(movements)
            UNION ALL
            SELECT debit_account, -amount_micros FROM unnest(movements)
        ) AS sides
        GROUP BY account
    ) AS moved
    WHERE accounts.id = moved.account AND accounts.balance_micros IS NOT NULL;
    RETURN NULL;
END $$;

-- What is added to one row of a tenant's history, which begins with it when it is not there yet.
CREATE TYPE history_change AS (
    tenant text, kind text, day date, key text, at timestamptz, amount_micros bigint, calls bigint,
    note text, provider text
);

CREATE FUNCTION add_to_history(changes history_change[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS (
        SELECT * FROM unnest(changes)
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
END $$;

-- What requests have moved: top-ups, adjustments, returns.
CREATE OR REPLACE FUNCTION record_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM inserted WHERE request_id IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM add_to_history(
        array_agg(
            ROW (
                tenant,
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
            )::history_change
        )
    )
    FROM (
        SELECT inserted.tenant, request_id, min(kind) AS kind, min(posted_at) AS at,
               min(reason) AS note,
               sum(
                   CASE funds.id
                       WHEN credit_account THEN amount_micros
                       WHEN debit_account THEN -amount_micros
                       ELSE 0
                   END
               ) AS amount_micros,
               max(
                   CASE
                       WHEN kind IN ('top_up', 'give_back', 'owed_paid') THEN debit_account
                       WHEN kind IN ('return', 'return_owed') THEN credit_account
                   END
               ) AS clearing_account
        FROM inserted
        JOIN accounts AS funds ON funds.tenant = inserted.tenant AND funds.name = 'funds'
        WHERE request_id IS NOT NULL
        GROUP BY inserted.tenant, request_id
    ) AS effects;
    RETURN NULL;
END $$;

-- What calls were charged, by day. What a call could not cover comes off its usage first and off its
-- analytics last, because the fee for analytics is charged with the first report. Calls are written
-- behind their postings, so the tenants' funds are held by now, as whenever the history is written.
CREATE FUNCTION record_charges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_history(array_agg(
        ROW (
            tenant, kind, day, to_char(day, 'YYYY-MM-DD/') || kind, at, -amount_micros, calls, '',
            ''
        )::history_change
    ))
    FROM (
        WITH charges AS (
            SELECT tenant, day, settled_at, charged_micros AS charged,
                   CASE
                       WHEN cost @> '[["analytics"]]' THEN least(
                           charged_micros,
                           (
                               SELECT sum((part ->> 1)::bigint)
                               FROM jsonb_array_elements(cost) AS part
                               WHERE part ->> 0 = 'analytics'
                           )
                       )
                       ELSE 0
                   END AS reports
            FROM inserted
        )
        SELECT tenant, day, 'calls' AS kind, max(settled_at) AS at,
               sum(charged - reports) AS amount_micros, count(*) AS calls
        FROM charges
        WHERE charged > reports
        GROUP BY tenant, day
        UNION ALL
        SELECT tenant, day, 'analytics', max(settled_at), sum(reports), count(*)
        FROM charges
        WHERE reports > 0
        GROUP BY tenant, day
    ) AS days;
    RETURN NULL;
END $$;

CREATE TRIGGER calls_record_charges AFTER INSERT ON calls
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION record_charges();

-- Every insert counts its calls in call_days, which refers to tenants: the same check, once a group.
ALTER TABLE calls DROP CONSTRAINT calls_tenant_fkey;
