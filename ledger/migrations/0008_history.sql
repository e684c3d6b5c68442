-- The payment history: one numbered row per top-up or adjustment, and one per day and kind of
-- charges. Triggers keep it, so no posting can miss its row, and both commit together.

-- The day of a moment in the tenant's zone. Postgres and the servers may know different zones; a
-- name that only the servers know must not stop the outbox, so it counts as UTC here.
CREATE FUNCTION tenant_day(of_tenant text, moment timestamptz) RETURNS date
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text;
BEGIN
    SELECT CASE WHEN zone_starts_at <= moment THEN next_time_zone ELSE time_zone END INTO zone
    FROM tenants
    WHERE id = of_tenant;
    RETURN (moment AT TIME ZONE zone)::date;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN (moment AT TIME ZONE 'UTC')::date;
END $$;

-- The day of the settlement, fixed when the call is posted: a later change of zone moves nothing.
ALTER TABLE calls ADD COLUMN day date;
ALTER TABLE calls DISABLE TRIGGER calls_append_only;
UPDATE calls SET day = tenant_day(tenant, settled_at);
ALTER TABLE calls ENABLE TRIGGER calls_append_only;
ALTER TABLE calls ALTER COLUMN day SET NOT NULL;

-- What a month's summary adds up beside money. A call is handled when it was answered.
CREATE TABLE call_days (
    tenant  text NOT NULL REFERENCES tenants (id),
    day     date NOT NULL,
    calls   bigint NOT NULL,
    handled bigint NOT NULL,
    tokens  bigint NOT NULL,
    PRIMARY KEY (tenant, day)
);

CREATE FUNCTION count_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO call_days AS held (tenant, day, calls, handled, tokens)
    SELECT tenant, day, count(*), count(elapsed_ms),
           sum(
               coalesce((usage ->> 'llm_input_tokens')::bigint, 0)
               + coalesce((usage ->> 'llm_cached_tokens')::bigint, 0)
               + coalesce((usage ->> 'llm_output_tokens')::bigint, 0)
           )
    FROM inserted
    GROUP BY tenant, day
    ORDER BY tenant, day
    ON CONFLICT (tenant, day) DO UPDATE
    SET calls = held.calls + excluded.calls,
        handled = held.handled + excluded.handled,
        tokens = held.tokens + excluded.tokens;
    RETURN NULL;
END $$;

CREATE TRIGGER calls_counted AFTER INSERT ON calls
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION count_calls();

-- The last number that a tenant's history gave. Its row is locked until the posting commits, so
-- numbers have no gaps, and whoever reads number n reads all before it.
CREATE TABLE history_counters (
    tenant      text PRIMARY KEY REFERENCES tenants (id),
    last_number bigint NOT NULL
);

CREATE TABLE history (
    tenant        text NOT NULL REFERENCES tenants (id),
    number        bigint NOT NULL,
    -- The request id of what moved the money, or `day/kind` for a day's charges.
    key           text NOT NULL,
    kind          text NOT NULL,
    status        text NOT NULL,
    day           date NOT NULL,
    at            timestamptz NOT NULL,
    -- Signed, as it moves the funds. While pending or failed: what would be moved.
    amount_micros bigint NOT NULL,
    calls         bigint NOT NULL,
    note          text NOT NULL,
    provider      text NOT NULL DEFAULT '',
    details_url   text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, number),
    CONSTRAINT history_number_range CHECK (number >= 1),
    CONSTRAINT history_status
        CHECK (status IN ('pending', 'succeeded', 'failed', 'refunded', 'disputed'))
) WITH (fillfactor = 80);

-- record_history: the row of a day's charges, or of a request.
CREATE UNIQUE INDEX history_once ON history (tenant, key);
-- month: the charges of a month.
CREATE INDEX history_charges ON history (tenant, day) INCLUDE (amount_micros)
    WHERE kind IN ('calls', 'analytics');

-- What a call could not cover comes off its usage first and off its analytics last, because
-- the fee for analytics is charged with the first report.
CREATE FUNCTION record_history() RETURNS trigger LANGUAGE plpgsql AS $$
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
                   AS analytics_micros
        FROM inserted
        JOIN accounts AS funds ON funds.tenant = inserted.tenant
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
               sum(analytics - charged) AS amount_micros, count(*) AS calls, '' AS note
        FROM charges
        WHERE charged > analytics
        GROUP BY tenant, day
        UNION ALL
        SELECT tenant, 'analytics', day, to_char(day, 'YYYY-MM-DD"/analytics"'), max(settled_at),
               sum(-analytics), count(*), ''
        FROM charges
        WHERE analytics > 0
        GROUP BY tenant, day
        UNION ALL
        SELECT tenant, CASE WHEN kind IN ('credit', 'debit') THEN 'adjustment' ELSE kind END,
               tenant_day(tenant, at), request_id, at, amount_micros, 0, coalesce(note, '')
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
        WHERE history.number IS NULL AND moved.amount_micros <> 0
    ), numbered AS (
        INSERT INTO history_counters AS held (tenant, last_number)
        SELECT tenant, count(*) FROM fresh GROUP BY tenant ORDER BY tenant
        ON CONFLICT (tenant) DO UPDATE SET last_number = held.last_number + excluded.last_number
        RETURNING tenant, last_number
    )
    INSERT INTO history (tenant, number, key, kind, status, day, at, amount_micros, calls, note)
    SELECT tenant, last_number - rows_of_tenant + position, key, kind, 'succeeded', day, at,
           amount_micros, calls, note
    FROM fresh
    JOIN numbered USING (tenant);
    RETURN NULL;
END $$;

-- Triggers fire in the order of their names: by now postings_move_funds holds the tenants' funds.
CREATE TRIGGER postings_record_history AFTER INSERT ON postings
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION record_history();
