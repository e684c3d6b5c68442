-- Guards beyond money: how fast calls may begin, what one caller may spend, how long a call may
-- last. And the day's cap that is lifted, as a line that a tenant crosses.

ALTER TABLE tenants
    ADD COLUMN calls_per_minute          bigint,
    ADD COLUMN caller_daily_limit_micros bigint,
    ADD COLUMN call_length_limit_ms      bigint,
    ADD CONSTRAINT tenants_calls_per_minute_range
        CHECK (calls_per_minute BETWEEN 0 AND 1000000),
    ADD CONSTRAINT tenants_caller_daily_limit_range
        CHECK (caller_daily_limit_micros BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT tenants_call_length_limit_range
        CHECK (call_length_limit_ms BETWEEN 1000 AND 1000000000000);

ALTER TABLE events
    DROP CONSTRAINT events_kind,
    ADD CONSTRAINT events_kind CHECK (
        kind IN ('low_balance', 'balance_exhausted', 'daily_cap_reached', 'daily_cap_lifted')
    );
