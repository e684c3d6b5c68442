-- What a provider told of a payment that belongs to no top-up as far as is known: it comes before
-- its payment, or the account sells something else too.
CREATE TABLE unclaimed_events (
    provider     text NOT NULL,
    event_id     text NOT NULL,
    payment_ref  text NOT NULL,
    kind         text NOT NULL,
    facts        jsonb NOT NULL,
    pay_minor    bigint,
    pay_currency text NOT NULL,
    told_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id),
    CONSTRAINT unclaimed_events_of_a_payment CHECK (payment_ref <> '')
);

-- list_unclaimed: what was told of a payment that becomes known.
CREATE INDEX unclaimed_events_by_payment ON unclaimed_events (provider, payment_ref);

-- forget_unclaimed: what nobody will claim any more.
CREATE INDEX unclaimed_events_by_age ON unclaimed_events (told_at);
