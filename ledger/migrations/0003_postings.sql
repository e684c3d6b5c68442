-- Double entry. An account's balance is what was credited to it minus what was debited from it,
-- so a tenant's funds (what we owe the tenant) rise by a credit. A call debits the funds and
-- credits revenue; a top-up debits the adjustments and credits the funds; what a call could not
-- cover debits the overrun and credits the funds.

CREATE TABLE accounts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL,
    tenant         text REFERENCES tenants (id),
    currency       text NOT NULL,
    balance_micros bigint,
    CONSTRAINT accounts_name_form
        CHECK (name ~ '^(funds|adjustments|overrun|revenue\.[a-z][a-z0-9_]{0,31})$'),
    CONSTRAINT accounts_funds_have_a_tenant CHECK ((name = 'funds') = (tenant IS NOT NULL)),
    -- A running balance is a row that every posting must lock; revenue would serialize all calls.
    CONSTRAINT accounts_funds_have_a_balance
        CHECK ((name = 'funds') = (balance_micros IS NOT NULL)),
    CONSTRAINT accounts_balance_range
        CHECK (balance_micros BETWEEN -1000000000000000 AND 1000000000000000)
);

-- find_accounts, snapshot: a tenant's funds.
CREATE UNIQUE INDEX accounts_funds_once ON accounts (tenant) WHERE tenant IS NOT NULL;
-- find_accounts: the installation's own accounts.
CREATE UNIQUE INDEX accounts_name_once ON accounts (name, currency) WHERE tenant IS NULL;

CREATE TABLE postings (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_account  bigint NOT NULL,
    credit_account bigint NOT NULL,
    amount_micros  bigint NOT NULL,
    kind           text NOT NULL,
    tenant         text NOT NULL,
    call_id        text,
    request_id     text,
    reason         text,
    shard          integer,
    epoch          bigint,
    n              bigint,
    version        bigint,
    posted_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT postings_amount_positive CHECK (amount_micros BETWEEN 1 AND 1000000000000),
    CONSTRAINT postings_two_accounts CHECK (debit_account <> credit_account),
    CONSTRAINT postings_kind_form
        CHECK (kind ~ '^(credit|debit|overrun|revenue\.[a-z][a-z0-9_]{0,31})$'),
    CONSTRAINT postings_one_cause CHECK ((call_id IS NULL) <> (request_id IS NULL)),
    -- Money moved by the live store carries an outbox number, money moved here a tenant version.
    CONSTRAINT postings_one_number CHECK (
        (version IS NULL) = (n IS NOT NULL)
        AND (n IS NULL) = (shard IS NULL) AND (n IS NULL) = (epoch IS NULL)
    )
);

-- Invariant: a call is posted once.
CREATE UNIQUE INDEX postings_once_per_call ON postings (tenant, call_id, kind)
    WHERE call_id IS NOT NULL;
-- Invariant: a request is posted once. find_debit.
CREATE UNIQUE INDEX postings_once_per_request ON postings (tenant, request_id)
    WHERE request_id IS NOT NULL;
-- balances_as_of: what was posted after an outbox number. Invariant: an entry is posted once.
CREATE UNIQUE INDEX postings_once_per_entry ON postings (shard, epoch, n, kind)
    WHERE n IS NOT NULL;
-- balances_as_of: what was credited after a version. Invariant: a version moves money once.
CREATE UNIQUE INDEX postings_once_per_version ON postings (tenant, version)
    WHERE version IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Checks a whole statement at once instead of two foreign keys per row, which would cost more
-- than the posting: both accounts exist, hold one currency, and the funds are the tenant's own.
CREATE FUNCTION move_funds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1
        FROM inserted
        LEFT JOIN accounts AS debit ON debit.id = inserted.debit_account
        LEFT JOIN accounts AS credit ON credit.id = inserted.credit_account
        WHERE debit.currency IS DISTINCT FROM credit.currency
           OR debit.currency IS NULL
           OR coalesce(debit.tenant, inserted.tenant) <> inserted.tenant
           OR coalesce(credit.tenant, inserted.tenant) <> inserted.tenant
    ) THEN
        RAISE EXCEPTION 'a posting joins accounts that do not belong together'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'postings_accounts_fit';
    END IF;

    -- In the order of their ids, so that two groups never wait for each other.
    PERFORM 1
    FROM accounts
    WHERE balance_micros IS NOT NULL
      AND id IN (SELECT debit_account FROM inserted UNION SELECT credit_account FROM inserted)
    ORDER BY id
    FOR NO KEY UPDATE;

    UPDATE accounts
    SET balance_micros = accounts.balance_micros + moved.amount_micros
    FROM (
        SELECT account, sum(amount_micros) AS amount_micros
        FROM (
            SELECT credit_account AS account, amount_micros FROM inserted
            UNION ALL
            SELECT debit_account, -amount_micros FROM inserted
        ) AS sides
        GROUP BY account
    ) AS moved
    WHERE accounts.id = moved.account AND accounts.balance_micros IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER postings_move_funds AFTER INSERT ON postings
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION move_funds();

-- A balance starts at zero and is moved by move_funds alone, that is from inside a trigger.
CREATE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND coalesce(NEW.balance_micros, 0) = 0 THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1
        AND (NEW.id, NEW.name, NEW.currency) = (OLD.id, OLD.name, OLD.currency)
        AND NEW.tenant IS NOT DISTINCT FROM OLD.tenant
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a balance is moved by postings alone'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'accounts_moved_by_postings';
END $$;

CREATE TRIGGER accounts_moved_by_postings BEFORE INSERT OR UPDATE ON accounts
    FOR EACH ROW EXECUTE FUNCTION guard_account();

CREATE TRIGGER accounts_never_removed BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
