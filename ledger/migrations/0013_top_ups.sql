-- Top-ups, what payment providers told of them, what goes back to providers, and exchange rates.

-- One unit of `base` costs numerator / denominator units of `quote` from `day` on. A rate that was
-- set again for a day is replaced by the newer row; what was pinned to the older one keeps it.
CREATE TABLE exchange_rates (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base        text NOT NULL,
    quote       text NOT NULL,
    day         date NOT NULL,
    numerator   bigint NOT NULL,
    denominator bigint NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT exchange_rates_currency_form CHECK (base ~ '^[A-Z]{3}$' AND quote ~ '^[A-Z]{3}$'),
    CONSTRAINT exchange_rates_two_currencies CHECK (base <> quote),
    CONSTRAINT exchange_rates_positive CHECK (numerator > 0 AND denominator > 0)
);

-- rate_on: the newest rate of a pair on a day.
CREATE INDEX exchange_rates_newest ON exchange_rates (base, quote, day DESC, id DESC);

CREATE TRIGGER exchange_rates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON exchange_rates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE top_ups (
    id               text PRIMARY KEY,
    -- The invoice number that providers get which want a number.
    number           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant           text NOT NULL REFERENCES tenants (id),
    provider         text NOT NULL,
    method           text NOT NULL,
    organisation_id  text NOT NULL,
    currency         text NOT NULL,
    credit_micros    bigint NOT NULL,
    pay_currency     text NOT NULL,
    pay_minor        bigint NOT NULL,
    rate_day         date,
    rate_numerator   bigint NOT NULL,
    rate_denominator bigint NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    -- What is pinned ends here; the rest follows what the provider tells.
    page_url         text NOT NULL DEFAULT '',
    provider_ref     text NOT NULL DEFAULT '',
    payment_ref      text NOT NULL DEFAULT '',
    facts            jsonb NOT NULL DEFAULT '{}',
    state            text NOT NULL DEFAULT 'pending',
    returned_micros  bigint NOT NULL DEFAULT 0,
    paid_at          timestamptz,
    CONSTRAINT top_ups_provider_form CHECK (provider ~ '^[a-z][a-z0-9_]{0,31}$'),
    CONSTRAINT top_ups_method CHECK (method IN ('any', 'bank_card', 'bank_transfer', 'sbp')),
    CONSTRAINT top_ups_currency_form
        CHECK (currency ~ '^[A-Z]{3}$' AND pay_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT top_ups_credit_range CHECK (credit_micros BETWEEN 1 AND 1000000000000),
    CONSTRAINT top_ups_pay_range CHECK (pay_minor BETWEEN 1 AND 1000000000000000),
    CONSTRAINT top_ups_rate_positive CHECK (rate_numerator > 0 AND rate_denominator > 0),
    CONSTRAINT top_ups_state CHECK (
        state IN ('pending', 'succeeded', 'failed', 'expired', 'refunded', 'disputed')
    ),
    CONSTRAINT top_ups_returned_range CHECK (returned_micros BETWEEN 0 AND credit_micros),
    CONSTRAINT top_ups_paid_when_credited
        CHECK ((paid_at IS NOT NULL) = (state IN ('succeeded', 'refunded', 'disputed')))
);

-- list_top_ups: a tenant's top-ups, the newest first.
CREATE INDEX top_ups_newest ON top_ups (tenant, number DESC);
-- lock_by_payment. Invariant: one payment pays for one top-up.
CREATE UNIQUE INDEX top_ups_one_per_payment ON top_ups (provider, payment_ref)
    WHERE payment_ref <> '';

CREATE TRIGGER top_ups_keep_what_is_pinned BEFORE UPDATE ON top_ups
    FOR EACH ROW
    WHEN (
        (OLD.id, OLD.number, OLD.tenant, OLD.provider, OLD.method, OLD.organisation_id,
         OLD.currency, OLD.credit_micros, OLD.pay_currency, OLD.pay_minor, OLD.rate_day,
         OLD.rate_numerator, OLD.rate_denominator, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.number, NEW.tenant, NEW.provider, NEW.method, NEW.organisation_id,
         NEW.currency, NEW.credit_micros, NEW.pay_currency, NEW.pay_minor, NEW.rate_day,
         NEW.rate_numerator, NEW.rate_denominator, NEW.created_at)
    )
    EXECUTE FUNCTION refuse_change();

CREATE TRIGGER top_ups_never_removed BEFORE DELETE OR TRUNCATE ON top_ups
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was taken note of: an event that comes again finds itself here.
CREATE TABLE payment_events (
    provider    text NOT NULL,
    event_id    text NOT NULL,
    top_up      text NOT NULL REFERENCES top_ups (id),
    kind        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id)
);

CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Forced returns: recorded with what caused them, moved in the live store, completed by the
-- posting of that move, which tells how much was there.
CREATE TABLE returns (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    top_up        text NOT NULL REFERENCES top_ups (id),
    tenant        text NOT NULL REFERENCES tenants (id),
    provider      text NOT NULL,
    amount_micros bigint NOT NULL,
    taken_micros  bigint,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    posted_at     timestamptz,
    CONSTRAINT returns_amount_range CHECK (amount_micros BETWEEN 1 AND 1000000000000),
    CONSTRAINT returns_taken_range CHECK (taken_micros BETWEEN 0 AND amount_micros),
    CONSTRAINT returns_posted_whole CHECK ((taken_micros IS NULL) = (posted_at IS NULL))
);

-- open_returns: what has still to be taken.
CREATE INDEX returns_open ON returns (id) WHERE posted_at IS NULL;
