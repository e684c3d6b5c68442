-- The legal entities of tenants. A draft may hold anything; it is never on a document.

CREATE TABLE organisations (
    n                  bigint GENERATED ALWAYS AS IDENTITY,
    id                 text PRIMARY KEY,
    tenant             text NOT NULL REFERENCES tenants (id),
    name               text NOT NULL,
    inn                text NOT NULL,
    kpp                text NOT NULL,
    legal_address      text NOT NULL,
    settlement_account text NOT NULL,
    bik                text NOT NULL,
    email              text NOT NULL,
    draft              boolean NOT NULL,
    payer              boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now(),
    archived_at        timestamptz,
    CONSTRAINT organisations_name_length CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT organisations_inn_form CHECK (draft OR inn ~ '^([0-9]{10}|[0-9]{12})$'),
    CONSTRAINT organisations_kpp_of_companies
        CHECK (draft OR (length(inn) = 10) = (kpp ~ '^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$')),
    CONSTRAINT organisations_payer_is_complete
        CHECK (NOT payer OR (NOT draft AND archived_at IS NULL)),
    -- documents: an organisation of the document's own tenant.
    CONSTRAINT organisations_of_a_tenant UNIQUE (tenant, id)
);

-- list_organisations: a tenant's organisations by creation.
CREATE INDEX organisations_by_creation ON organisations (tenant, n);
-- Invariant: a tenant has one payer. find_payer.
CREATE UNIQUE INDEX organisations_one_payer ON organisations (tenant) WHERE payer;
