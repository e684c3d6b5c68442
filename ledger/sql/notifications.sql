-- name: write_event
INSERT INTO events (tenant, kind, at, details) VALUES ($1, $2, coalesce($3, now()), $4)
RETURNING id

-- name: find_tenant
SELECT true FROM tenants WHERE id = $1

-- name: find_settings
SELECT emails, telegram_enabled, telegram_chat_id, telegram_error, webhook_url,
       webhook_secret_made_at, language, events
FROM tenants
LEFT JOIN notification_settings AS settings ON settings.tenant = tenants.id
WHERE tenants.id = $1

-- name: insert_settings
INSERT INTO notification_settings (tenant) VALUES ($1) ON CONFLICT (tenant) DO NOTHING

-- name: lock_settings
SELECT emails, telegram_enabled, telegram_chat_id, telegram_error, webhook_url,
       webhook_secret_made_at, language, events
FROM notification_settings
WHERE tenant = $1
FOR NO KEY UPDATE

-- name: update_settings
UPDATE notification_settings
SET emails = $2, telegram_enabled = $3, telegram_chat_id = $4, telegram_error = $5,
    webhook_url = $6, webhook_secret_made_at = $7, language = $8, events = $9,
    webhook_secret = coalesce(nullif($10, ''), webhook_secret)
WHERE tenant = $1

-- name: store_secret
UPDATE notification_settings
SET old_webhook_secret = CASE WHEN $4::timestamptz IS NULL THEN '' ELSE webhook_secret END,
    old_webhook_secret_until = $4, webhook_secret = $2, webhook_secret_made_at = $3
WHERE tenant = $1

-- name: lock_tenant
SELECT true FROM tenants WHERE id = $1 FOR NO KEY UPDATE

-- name: count_lately
SELECT count(*)
FROM events
WHERE tenant = $1 AND kind = $2 AND kind IN ('test', 'document_issued') AND at > $3
  AND (kind = 'test' OR details ? 'asked_for')

-- name: keep_channels
DELETE FROM notifications
WHERE event = $1 AND channel <> ALL($2)

-- name: of_event
SELECT notifications.id, notifications.n, event, events.kind, events.at AS happened_at, channel,
       receiver, state, attempts, due_at, sent_at, why
FROM notifications
JOIN events ON events.id = notifications.event
WHERE event = $1
ORDER BY n

-- name: list
SELECT notifications.id, notifications.n, event, events.kind, events.at AS happened_at, channel,
       receiver, state, attempts, due_at, sent_at, why
FROM notifications
JOIN events ON events.id = notifications.event
WHERE notifications.tenant = $1
  AND notifications.n < $2
  AND ($3::text[] IS NULL OR state = ANY ($3))
ORDER BY notifications.n DESC
LIMIT $4

-- name: find
SELECT notifications.id, notifications.n, event, events.kind, events.at AS happened_at, channel,
       receiver, state, attempts, due_at, sent_at, why
FROM notifications
JOIN events ON events.id = notifications.event
WHERE notifications.tenant = $1 AND notifications.id = $2

-- name: lock
SELECT state FROM notifications WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE

-- name: queue_again
UPDATE notifications
SET state = 'queued', attempts = 0, queued_at = $2, due_at = $2, why = ''
WHERE id = $1

-- name: claim
WITH due AS (
    SELECT id
    FROM notifications
    WHERE channel = $1 AND state IN ('queued', 'retrying') AND due_at <= $2
    ORDER BY due_at, n
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE notifications
    SET attempts = attempts + 1, due_at = $3
    FROM due
    WHERE notifications.id = due.id
    RETURNING notifications.id, n, event, notifications.tenant, channel, receiver, attempts,
              queued_at
)
SELECT claimed.id, claimed.event, claimed.tenant, claimed.channel, claimed.receiver,
       claimed.attempts, claimed.queued_at, events.kind, events.at, events.details,
       tenants.name, tenants.currency, tenants.time_zone, tenants.next_time_zone,
       tenants.zone_starts_at, settings.emails, settings.telegram_enabled,
       settings.telegram_chat_id, settings.webhook_url, settings.webhook_secret,
       settings.old_webhook_secret, settings.old_webhook_secret_until, settings.language
FROM claimed
JOIN events ON events.id = claimed.event
JOIN tenants ON tenants.id = claimed.tenant
LEFT JOIN notification_settings AS settings ON settings.tenant = claimed.tenant
ORDER BY claimed.n

-- name: mark_sent
UPDATE notifications
SET state = 'sent', sent_at = $2, receiver = $3, why = ''
WHERE id = $1 AND state <> 'sent'

-- name: document_sent
UPDATE documents SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL

-- name: mark_later
UPDATE notifications
SET state = 'retrying', due_at = $3, why = $4
WHERE id = $1 AND attempts = $2 AND state IN ('queued', 'retrying')

-- name: mark_dead
UPDATE notifications
SET state = 'dead', why = $3
WHERE id = $1 AND attempts = $2 AND state IN ('queued', 'retrying')

-- name: put_back
UPDATE notifications
SET due_at = $3, attempts = attempts - 1
WHERE id = $1 AND attempts = $2 AND state IN ('queued', 'retrying')

-- name: switch_telegram_off
UPDATE notification_settings
SET telegram_enabled = false, telegram_error = $3
WHERE tenant = $1 AND telegram_chat_id = $2

-- name: move_chat
UPDATE notification_settings SET telegram_chat_id = $3 WHERE tenant = $1 AND telegram_chat_id = $2

-- name: depth
SELECT channel, count(*) AS count
FROM notifications
WHERE state IN ('queued', 'retrying')
GROUP BY channel

-- name: dead_count
SELECT channel, count(*) AS count
FROM notifications
WHERE state = 'dead'
GROUP BY channel

-- name: forget
DELETE FROM notifications
WHERE id IN (
    SELECT id
    FROM notifications
    WHERE state IN ('sent', 'dead') AND queued_at < $1
    ORDER BY queued_at
    LIMIT $2
)
