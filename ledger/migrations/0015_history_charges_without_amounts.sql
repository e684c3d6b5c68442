-- An index that holds the amounts is written anew with every call that is charged; one that does
-- not lets Postgres change the row in place.
DROP INDEX history_charges;
-- month: the charges of a month.
CREATE INDEX history_charges ON history (tenant, day) WHERE kind IN ('calls', 'analytics');
