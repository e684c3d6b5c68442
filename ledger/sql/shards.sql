-- name: fix_count
INSERT INTO installation (shard_count) VALUES ($1) ON CONFLICT (singleton) DO NOTHING

-- name: find_count
SELECT shard_count FROM installation

-- name: add_shard
INSERT INTO shards (shard) VALUES ($1) ON CONFLICT (shard) DO NOTHING

-- name: add_progress
INSERT INTO shard_progress (shard) VALUES ($1) ON CONFLICT (shard) DO NOTHING

-- name: find_mark
SELECT shards.epoch, shard_progress.n
FROM shards
JOIN shard_progress ON shard_progress.shard = shards.shard
                   AND shard_progress.epoch = shards.epoch
WHERE shards.shard = $1

-- name: count_admission
UPDATE shards SET admissions = admissions + 1 WHERE shard = $1

-- name: allow_a_pause
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: lock_epoch
SELECT epoch FROM shards WHERE shard = $1 FOR UPDATE

-- name: raise_epoch
UPDATE shards SET epoch = epoch + 1 WHERE shard = $1

-- name: restart_progress
UPDATE shard_progress
SET epoch = (SELECT epoch FROM shards WHERE shard = $1), n = 0
WHERE shard = $1
