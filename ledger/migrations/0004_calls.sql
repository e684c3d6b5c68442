-- Settled calls, what was spent per day, and what the live store told besides.

CREATE TABLE calls (
    tenant         text NOT NULL REFERENCES tenants (id),
    call_id        text NOT NULL,
    model          text NOT NULL,
    tariff         text NOT NULL,
    tariff_version integer NOT NULL,
    analytics      boolean NOT NULL,
    caller         text NOT NULL,
    callee         text NOT NULL,
    direction      smallint NOT NULL,
    assistant_id   text NOT NULL,
    authorized_at  timestamptz,
    started_at     timestamptz,
    answered_at    timestamptz,
    ended_at       timestamptz,
    settled_at     timestamptz NOT NULL,
    outcome        smallint NOT NULL,
    elapsed_ms     bigint,
    usage          jsonb NOT NULL,
    cost           jsonb NOT NULL,
    rated_micros   bigint NOT NULL,
    charged_micros bigint NOT NULL,
    overrun_micros bigint NOT NULL,
    spend_by_day   jsonb NOT NULL,
    settle_digest  bytea NOT NULL,
    shard          integer NOT NULL,
    epoch          bigint NOT NULL,
    n              bigint NOT NULL,
    posted_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, call_id),
    CONSTRAINT calls_charged_is_rated_minus_overrun
        CHECK (charged_micros = rated_micros - overrun_micros),
    CONSTRAINT calls_amounts_range CHECK (
        rated_micros BETWEEN 0 AND 1000000000000
        AND overrun_micros BETWEEN 0 AND rated_micros
    ),
    CONSTRAINT calls_elapsed_range CHECK (elapsed_ms >= 0)
);

-- list_calls: a tenant's calls, the newest settlement first.
CREATE INDEX calls_by_settlement ON calls (tenant, settled_at DESC, call_id DESC);

-- A settled call never changes; what comes late is kept in late_usage.
CREATE TRIGGER calls_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON calls
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE late_usage (
    tenant      text NOT NULL,
    call_id     text NOT NULL,
    usage       jsonb NOT NULL,
    elapsed_ms  bigint,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, call_id),
    CONSTRAINT late_usage_of_a_call FOREIGN KEY (tenant, call_id) REFERENCES calls
);

CREATE TABLE daily_spend (
    tenant        text NOT NULL REFERENCES tenants (id),
    day           date NOT NULL,
    amount_micros bigint NOT NULL,
    PRIMARY KEY (tenant, day)
);

CREATE TABLE events (
    shard  integer NOT NULL,
    epoch  bigint NOT NULL,
    n      bigint NOT NULL,
    tenant text NOT NULL,
    kind   text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (shard, epoch, n),
    CONSTRAINT events_kind
        CHECK (kind IN ('low_balance', 'balance_exhausted', 'daily_cap_reached'))
);

-- Outbox entries that could not be posted and wait for an operator.
CREATE TABLE set_aside (
    shard        integer NOT NULL,
    epoch        bigint NOT NULL,
    n            bigint NOT NULL,
    tenant       text NOT NULL,
    key          text NOT NULL,
    why          text NOT NULL,
    payload      jsonb NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, epoch, n)
);

CREATE TABLE refusal_counts (
    tenant text NOT NULL REFERENCES tenants (id),
    day    date NOT NULL,
    reason text NOT NULL,
    count  bigint NOT NULL,
    PRIMARY KEY (tenant, day, reason)
);

CREATE TABLE refusals (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text NOT NULL REFERENCES tenants (id),
    at           timestamptz NOT NULL,
    reason       text NOT NULL,
    call_id      text NOT NULL,
    model        text NOT NULL,
    caller       text NOT NULL,
    callee       text NOT NULL,
    direction    smallint NOT NULL,
    assistant_id text NOT NULL
);

-- latest_refusals, trim_refusals: a tenant's newest refusals.
CREATE INDEX refusals_newest ON refusals (tenant, id DESC);
