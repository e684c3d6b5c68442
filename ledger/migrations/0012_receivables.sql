-- What a tenant owes: money that a payment provider took back after the tenant had spent it. The
-- receivable is debited by what could not be taken from the funds, so its balance is 0 or below;
-- the next payment credits it first. Payments pass through one clearing account per provider.

ALTER TABLE accounts
    DROP CONSTRAINT accounts_name_form,
    DROP CONSTRAINT accounts_funds_have_a_tenant,
    DROP CONSTRAINT accounts_funds_have_a_balance,
    ADD CONSTRAINT accounts_name_form CHECK (
        name ~ '^(funds|receivable|adjustments|overrun|(clearing|revenue)\.[a-z][a-z0-9_]{0,31})$'
    ),
    ADD CONSTRAINT accounts_of_a_tenant
        CHECK ((name IN ('funds', 'receivable')) = (tenant IS NOT NULL)),
    -- A running balance is a row that every posting must lock; revenue would serialize all calls.
    ADD CONSTRAINT accounts_of_a_tenant_have_a_balance
        CHECK ((tenant IS NOT NULL) = (balance_micros IS NOT NULL)),
    ADD CONSTRAINT accounts_receivable_is_owed
        CHECK (name <> 'receivable' OR balance_micros <= 0);

DROP INDEX accounts_funds_once;
-- find_accounts, snapshot: a tenant's funds, and its receivable once it owes something.
CREATE UNIQUE INDEX accounts_of_a_tenant_once ON accounts (tenant, name)
    WHERE tenant IS NOT NULL;

ALTER TABLE postings
    DROP CONSTRAINT postings_kind_form,
    DROP CONSTRAINT postings_one_number,
    ADD CONSTRAINT postings_kind_form CHECK (
        kind ~ '^(credit|debit|overrun|top_up|give_back|owed_paid|return|return_owed|revenue\.[a-z][a-z0-9_]{0,31})$'
    ),
    -- Money moved by the live store carries an outbox number, money moved here a tenant version;
    -- what moves a receivable alone leaves the live balance as it is, and carries neither.
    ADD CONSTRAINT postings_one_number CHECK (
        (n IS NULL) = (shard IS NULL) AND (n IS NULL) = (epoch IS NULL)
        AND CASE
            WHEN kind IN ('owed_paid', 'return_owed') THEN version IS NULL AND n IS NULL
            ELSE (version IS NULL) = (n IS NOT NULL)
        END
    );

DROP INDEX postings_once_per_request;
-- Invariant: a request is posted once; a payment may go to the receivable and to the funds.
-- find_debit.
CREATE UNIQUE INDEX postings_once_per_request ON postings (tenant, request_id, kind)
    WHERE request_id IS NOT NULL;
