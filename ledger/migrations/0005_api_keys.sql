-- API keys: only the SHA-256 of a secret is kept.

CREATE TABLE api_keys (
    key_id        text PRIMARY KEY,
    name          text NOT NULL,
    scopes        text[] NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    revoked_at    timestamptz,
    CONSTRAINT api_keys_secret_is_a_digest CHECK (length(secret_sha256) = 32),
    CONSTRAINT api_keys_have_a_scope CHECK (cardinality(scopes) >= 1),
    CONSTRAINT api_keys_name_length CHECK (length(name) BETWEEN 1 AND 200)
);
