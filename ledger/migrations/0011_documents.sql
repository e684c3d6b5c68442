-- Invoices and acts. A document is written once, with its PDF, and never changes; when it was sent
-- is noted once.

-- The last number of a seller's documents of one kind in one year. The row is raised in the
-- transaction that writes the document, so a number that was given out has a document.
CREATE TABLE document_numbers (
    seller_inn text NOT NULL,
    kind       text NOT NULL,
    year       integer NOT NULL,
    last       bigint NOT NULL,
    PRIMARY KEY (seller_inn, kind, year),
    CONSTRAINT document_numbers_last_range CHECK (last >= 1)
);

CREATE TABLE documents (
    n              bigint GENERATED ALWAYS AS IDENTITY,
    id             text PRIMARY KEY,
    tenant         text NOT NULL REFERENCES tenants (id),
    kind           text NOT NULL,
    seller_inn     text NOT NULL,
    year           integer NOT NULL,
    number         bigint NOT NULL,
    dated          date NOT NULL,
    organisation   text NOT NULL,
    seller         jsonb NOT NULL,
    customer       jsonb NOT NULL,
    amount_kopecks bigint NOT NULL,
    vat_percent    integer,
    vat_kopecks    bigint,
    top_up         text,
    month          date,
    charged_micros bigint,
    currency       text,
    rate           numeric,
    email          text NOT NULL,
    pdf            bytea NOT NULL,
    pdf_sha256     bytea NOT NULL,
    issued_at      timestamptz NOT NULL,
    sent_at        timestamptz,
    CONSTRAINT documents_kind CHECK (kind IN ('invoice', 'act')),
    CONSTRAINT documents_numbered_once UNIQUE (seller_inn, kind, year, number),
    CONSTRAINT documents_year_is_of_the_date CHECK (year = extract(year FROM dated)),
    CONSTRAINT documents_number_range CHECK (number >= 1),
    CONSTRAINT documents_amount_range CHECK (amount_kopecks BETWEEN 1 AND 99999999999999),
    CONSTRAINT documents_vat_whole CHECK ((vat_percent IS NULL) = (vat_kopecks IS NULL)),
    CONSTRAINT documents_vat_within
        CHECK (vat_percent BETWEEN 1 AND 99 AND vat_kopecks BETWEEN 0 AND amount_kopecks),
    CONSTRAINT documents_act_is_of_a_month CHECK (
        (kind = 'act') = (month IS NOT NULL) AND (kind = 'act') = (charged_micros IS NOT NULL)
        AND (kind = 'act') = (rate IS NOT NULL) AND (kind = 'act') = (currency IS NOT NULL)
        AND extract(day FROM month) = 1
    ),
    CONSTRAINT documents_top_up_of_an_invoice CHECK (kind = 'invoice' OR top_up IS NULL),
    CONSTRAINT documents_pdf_has_its_digest CHECK (pdf_sha256 = sha256(pdf)),
    CONSTRAINT documents_organisation_of_the_tenant
        FOREIGN KEY (tenant, organisation) REFERENCES organisations (tenant, id)
);

-- list_documents: a tenant's documents, the newest first.
CREATE INDEX documents_newest ON documents (tenant, n DESC);
-- Invariant: a month has one act. find_act.
CREATE UNIQUE INDEX documents_act_once ON documents (tenant, month) WHERE kind = 'act';
-- Invariant: a top-up has one invoice. find_invoice_of.
CREATE UNIQUE INDEX documents_invoice_once ON documents (tenant, top_up) WHERE top_up IS NOT NULL;

CREATE FUNCTION guard_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.sent_at IS NULL
        AND to_jsonb(NEW) - 'sent_at' = to_jsonb(OLD) - 'sent_at'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a document never changes'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'documents_never_change';
END $$;

CREATE TRIGGER documents_never_change BEFORE UPDATE OR DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION guard_document();

CREATE TRIGGER documents_never_truncated BEFORE TRUNCATE ON documents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A counter goes up by one, or a number would be missing.
CREATE FUNCTION guard_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.last = 1 THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.last = OLD.last + 1
        AND (NEW.seller_inn, NEW.kind, NEW.year) = (OLD.seller_inn, OLD.kind, OLD.year)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'numbers are given out one by one'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'document_numbers_gapless';
END $$;

CREATE TRIGGER document_numbers_gapless BEFORE INSERT OR UPDATE OR DELETE ON document_numbers
    FOR EACH ROW EXECUTE FUNCTION guard_number();
