-- What a tenant is told: events, whom to tell of them, and a queue with one row for each receiver.

-- An event is written with what caused it: crossings carry an outbox number, others none.
ALTER TABLE events
    ADD COLUMN id text NOT NULL DEFAULT 'evt_' || replace(gen_random_uuid()::text, '-', ''),
    -- The figures that a message tells: see ledger/notifications/event.py.
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}',
    DROP CONSTRAINT events_kind,
    DROP CONSTRAINT events_pkey;
ALTER TABLE events
    ALTER COLUMN shard DROP NOT NULL,
    ALTER COLUMN epoch DROP NOT NULL,
    ALTER COLUMN n DROP NOT NULL,
    ADD PRIMARY KEY (id),
    ADD CONSTRAINT events_number_is_whole
        CHECK ((shard IS NULL) = (n IS NULL) AND (epoch IS NULL) = (n IS NULL)),
    ADD CONSTRAINT events_kind CHECK (kind IN (
        'low_balance', 'balance_exhausted', 'daily_cap_reached', 'daily_cap_lifted',
        'payment_received', 'payment_failed', 'document_issued', 'test'
    ));

-- Invariant: an outbox entry is one event.
CREATE UNIQUE INDEX events_once_per_entry ON events (shard, epoch, n) WHERE n IS NOT NULL;
-- count_tests: how many tests a tenant sent lately.
CREATE INDEX events_tests ON events (tenant, at) WHERE kind = 'test';

CREATE TABLE notification_settings (
    tenant                   text PRIMARY KEY REFERENCES tenants (id),
    emails                   text[] NOT NULL DEFAULT '{}',
    telegram_enabled         boolean NOT NULL DEFAULT false,
    telegram_chat_id         text NOT NULL DEFAULT '',
    telegram_error           text NOT NULL DEFAULT '',
    webhook_url              text NOT NULL DEFAULT '',
    webhook_secret           text NOT NULL DEFAULT '',
    webhook_secret_made_at   timestamptz,
    old_webhook_secret       text NOT NULL DEFAULT '',
    old_webhook_secret_until timestamptz,
    language                 text NOT NULL DEFAULT 'en',
    events                   text[] NOT NULL DEFAULT '{
        low_balance, balance_exhausted, daily_cap_reached, daily_cap_lifted,
        payment_received, payment_failed}',
    CONSTRAINT notification_settings_emails CHECK (cardinality(emails) <= 10),
    CONSTRAINT notification_settings_language CHECK (language IN ('en', 'ru')),
    CONSTRAINT notification_settings_chat CHECK (telegram_chat_id <> '' OR NOT telegram_enabled),
    CONSTRAINT notification_settings_secret CHECK (
        (webhook_secret <> '') = (webhook_secret_made_at IS NOT NULL)
        AND (old_webhook_secret <> '') = (old_webhook_secret_until IS NOT NULL)
        AND (webhook_secret <> '' OR webhook_url = '')
    ),
    CONSTRAINT notification_settings_events CHECK (events <@ '{
        low_balance, balance_exhausted, daily_cap_reached, daily_cap_lifted,
        payment_received, payment_failed}')
);

-- due_at is when a row is tried next; while it is being tried, when another may try it instead.
CREATE TABLE notifications (
    n         bigint GENERATED ALWAYS AS IDENTITY,
    id        text PRIMARY KEY DEFAULT 'ntf_' || replace(gen_random_uuid()::text, '-', ''),
    event     text NOT NULL REFERENCES events (id),
    tenant    text NOT NULL,
    channel   text NOT NULL,
    receiver  text NOT NULL,
    state     text NOT NULL DEFAULT 'queued',
    attempts  integer NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT now(),
    due_at    timestamptz NOT NULL DEFAULT now(),
    sent_at   timestamptz,
    why       text NOT NULL DEFAULT '',
    CONSTRAINT notifications_channel CHECK (channel IN ('email', 'telegram', 'webhook')),
    CONSTRAINT notifications_state CHECK (state IN ('queued', 'retrying', 'sent', 'dead')),
    CONSTRAINT notifications_sent_at CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);

-- claim: what is to be tried.
CREATE INDEX notifications_due ON notifications (channel, due_at)
    WHERE state IN ('queued', 'retrying');
-- list: a tenant's notifications, the newest first.
CREATE INDEX notifications_newest ON notifications (tenant, n DESC);
-- of_event: what an event was told by.
CREATE INDEX notifications_of_event ON notifications (event);
-- forget: what was done with long ago.
CREATE INDEX notifications_done ON notifications (queued_at) WHERE state IN ('sent', 'dead');

-- Whoever writes an event queues it, in the same transaction and by one statement for all.
CREATE FUNCTION queue_notifications() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications (event, tenant, channel, receiver)
    SELECT inserted.id, inserted.tenant, told.channel, told.receiver
    FROM inserted
    JOIN notification_settings AS settings ON settings.tenant = inserted.tenant
    CROSS JOIN LATERAL (
        SELECT 'email' AS channel, unnest(settings.emails) AS receiver
        UNION ALL
        SELECT 'telegram', settings.telegram_chat_id WHERE settings.telegram_enabled
        UNION ALL
        SELECT 'webhook', settings.webhook_url WHERE settings.webhook_url <> ''
    ) AS told
    WHERE inserted.kind = 'test' OR inserted.kind = ANY (settings.events)
    UNION ALL
    SELECT id, tenant, 'email', details ->> 'email'
    FROM inserted
    WHERE kind = 'document_issued';
    RETURN NULL;
END $$;

CREATE TRIGGER events_queue_notifications AFTER INSERT ON events
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION queue_notifications();
