-- The way into the web console: links that sign in once, and sessions that were ended.

CREATE TABLE console_links (
    token_sha256 bytea PRIMARY KEY,
    key_id       text NOT NULL REFERENCES api_keys,
    -- NULL: with all rights of the key
    tenant_id    text REFERENCES tenants,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT console_links_token_is_a_digest CHECK (length(token_sha256) = 32)
);

-- A session is a signed cookie, valid wherever it was copied to; signing out ends all copies.
CREATE TABLE console_ended_sessions (
    session_id text PRIMARY KEY,
    -- when the cookie is too old anyway
    forget_at  timestamptz NOT NULL
);
