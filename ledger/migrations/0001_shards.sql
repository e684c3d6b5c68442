-- The installation, its shards and how far their outboxes are posted.

CREATE TABLE installation (
    singleton   boolean PRIMARY KEY DEFAULT true,
    shard_count integer NOT NULL,
    CONSTRAINT installation_is_single CHECK (singleton),
    CONSTRAINT installation_shard_count_range CHECK (shard_count BETWEEN 1 AND 16384)
);

-- A posting group holds this row FOR SHARE, a rebuild takes it FOR UPDATE and raises the epoch.
CREATE TABLE shards (
    shard integer PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 1,
    CONSTRAINT shards_shard_range CHECK (shard BETWEEN 0 AND 16383),
    CONSTRAINT shards_epoch_range CHECK (epoch >= 1)
);

-- Apart from shards, because a group writes it while it only shares the epoch.
CREATE TABLE shard_progress (
    shard integer PRIMARY KEY REFERENCES shards (shard),
    epoch bigint NOT NULL DEFAULT 1,
    n     bigint NOT NULL DEFAULT 0,
    CONSTRAINT shard_progress_range CHECK (epoch >= 1 AND n >= 0)
);

-- The first result of every mutation, by its request id; scope is the tenant, or empty.
CREATE TABLE requests (
    scope      text NOT NULL,
    request_id text NOT NULL,
    digest     bytea NOT NULL,
    response   jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, request_id)
);
