-- How often a server that holds the shard was found whole. A posting group that was read before the
-- last time is refused: that server may have gone back, and give the group's numbers out again.
ALTER TABLE shards ADD COLUMN admissions bigint NOT NULL DEFAULT 0;
