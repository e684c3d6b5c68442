-- Tariffs, tenants and the gapless list of each tenant's changes.

CREATE TABLE tariffs (
    name           text NOT NULL,
    version        integer NOT NULL,
    currency       text NOT NULL,
    effective_from timestamptz NOT NULL,
    document       jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version),
    CONSTRAINT tariffs_version_range CHECK (version >= 1),
    CONSTRAINT tariffs_currency_form CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE TABLE tenants (
    id                           text PRIMARY KEY,
    name                         text NOT NULL,
    currency                     text NOT NULL,
    tariff                       text NOT NULL,
    time_zone                    text NOT NULL,
    next_time_zone               text,
    zone_starts_at               timestamptz,
    daily_cap_micros             bigint,
    credit_limit_micros          bigint NOT NULL DEFAULT 0,
    concurrent_calls             bigint,
    call_cost_limit_micros       bigint,
    low_balance_threshold_micros bigint,
    suspended                    boolean NOT NULL DEFAULT false,
    version                      bigint NOT NULL DEFAULT 1,
    profile_version              bigint NOT NULL DEFAULT 1,
    created_at                   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_id_form CHECK (id ~ '^[A-Za-z0-9_.@:+-]{1,64}$'),
    CONSTRAINT tenants_name_length CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT tenants_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT tenants_zone_change_whole
        CHECK ((next_time_zone IS NULL) = (zone_starts_at IS NULL)),
    CONSTRAINT tenants_daily_cap_range CHECK (daily_cap_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT tenants_credit_limit_range CHECK (credit_limit_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT tenants_concurrent_calls_range CHECK (concurrent_calls BETWEEN 0 AND 1000000),
    CONSTRAINT tenants_call_cost_limit_range
        CHECK (call_cost_limit_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT tenants_low_balance_threshold_range
        CHECK (low_balance_threshold_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT tenants_version_range
        CHECK (version >= 1 AND profile_version BETWEEN 1 AND version)
);

-- What the live store applies one by one: a credit, or the whole new settings.
CREATE TABLE tenant_changes (
    tenant        text NOT NULL REFERENCES tenants (id),
    version       bigint NOT NULL,
    credit_micros bigint,
    settings      jsonb,
    applied       boolean NOT NULL DEFAULT false,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, version),
    CONSTRAINT tenant_changes_version_range CHECK (version >= 2),
    CONSTRAINT tenant_changes_one_kind CHECK ((credit_micros IS NULL) <> (settings IS NULL)),
    CONSTRAINT tenant_changes_credit_range CHECK (credit_micros BETWEEN 1 AND 1000000000000)
);

-- unapplied_changes: what a live store that was away has still to apply.
CREATE INDEX tenant_changes_unapplied ON tenant_changes (changed_at, tenant, version)
    WHERE NOT applied;
