"""Driver errors become errors of this package, and bugs stay what they are."""

import re
from itertools import pairwise

import asyncpg
import pytest

from ledger.driver_errors import BY_CONSTRAINT, driver_errors
from ledger.errors import InvariantBroken, LedgerError, LedgerUnavailable, TenantExists
from ledger.migrate import migrations
from ledger.sql import statements

# Made by Postgres itself from the table's name.
UNNAMED = frozenset({"tenants_pkey"})


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InterfaceError("the pool is closing"),
        asyncpg.AdminShutdownError("bye"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.DeadlockDetectedError("again"),
        asyncpg.ReadOnlySQLTransactionError("a standby"),
    ],
)
def test_a_server_that_does_not_answer_is_unavailable(error: Exception) -> None:
    with pytest.raises(LedgerUnavailable) as raised, driver_errors():
        raise error
    assert raised.value.__cause__ is error


def violation(constraint: str) -> Exception:
    error = asyncpg.UniqueViolationError("duplicate")
    error.constraint_name = constraint
    return error


def test_a_constraint_tells_the_domain_error() -> None:
    with pytest.raises(TenantExists), driver_errors():
        raise violation("tenants_pkey")
    with pytest.raises(InvariantBroken), driver_errors():
        raise violation("postings_once_per_call")


def test_a_bug_stays_what_it_is() -> None:
    for error in (
        KeyError("x"),
        asyncpg.UndefinedTableError("no such table"),
        asyncpg.exceptions.DataError("wrong"),
    ):
        with pytest.raises(type(error)), driver_errors():
            raise error


def test_every_mapped_constraint_is_part_of_the_schema() -> None:
    schema = "".join(step.sql for step in migrations())
    for constraint in BY_CONSTRAINT.keys() - UNNAMED:
        assert re.search(rf"\b{constraint}\b", schema), constraint


def test_every_index_is_explained() -> None:
    for step in migrations():
        lines = step.sql.splitlines()
        for before, line in pairwise(lines):
            if re.match(r"CREATE (UNIQUE )?INDEX", line):
                assert before.startswith("-- "), line


def test_no_statement_selects_every_column() -> None:
    for file in ("audit", "calls", "documents", "journal", "keys", "organisations", "refusals",
                 "requests", "shards", "tariffs", "tenants"):  # fmt: skip
        for name, statement in statements(file).items():
            assert "*" not in statement.replace("count(*)", ""), name


def test_every_error_of_the_package_has_one_root() -> None:
    import ledger.errors as errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    named = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert all(issubclass(kind, LedgerError) for kind in named)
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in named)
