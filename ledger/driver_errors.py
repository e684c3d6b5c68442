"""Turns what the driver raises into errors of this package; constraints tell the domain error."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import asyncpg

from ledger.errors import (
    AmountOutOfRange,
    BalanceOutOfRange,
    InvariantBroken,
    KeyReused,
    LedgerError,
    LedgerUnavailable,
    LimitOutOfRange,
    NotAllowed,
    PaymentMismatch,
    TenantExists,
    UnknownCall,
)

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # What is told at connecting, when the address or the password is wrong.
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    # A primary that became a standby.
    asyncpg.ReadOnlySQLTransactionError,
)

BY_CONSTRAINT: Mapping[str, Callable[[str], LedgerError]] = MappingProxyType(
    {
        "accounts_balance_range": BalanceOutOfRange,
        "late_usage_of_a_call": UnknownCall,
        "postings_amount_positive": AmountOutOfRange,
        "postings_once_per_request": KeyReused,
        "tenant_changes_credit_range": AmountOutOfRange,
        "top_ups_credit_range": AmountOutOfRange,
        "top_ups_one_per_payment": lambda _: PaymentMismatch("payment_ref"),
        "top_ups_pay_range": AmountOutOfRange,
        "tenants_call_cost_limit_range": LimitOutOfRange,
        "tenants_call_length_limit_range": LimitOutOfRange,
        "tenants_caller_daily_limit_range": LimitOutOfRange,
        "tenants_calls_per_minute_range": LimitOutOfRange,
        "tenants_concurrent_calls_range": LimitOutOfRange,
        "tenants_credit_limit_range": LimitOutOfRange,
        "tenants_daily_cap_range": LimitOutOfRange,
        "tenants_id_form": NotAllowed,
        "tenants_low_balance_threshold_range": LimitOutOfRange,
        "tenants_name_length": NotAllowed,
        "tenants_pkey": TenantExists,
        "api_keys_name_length": NotAllowed,
        "api_keys_have_a_scope": NotAllowed,
    }
)


@contextmanager
def driver_errors() -> Iterator[None]:
    """Raises LedgerUnavailable for a store that does not answer, else what the constraint means."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        constraint = str(error.constraint_name)
        domain_error = BY_CONSTRAINT.get(constraint, InvariantBroken)
        raise domain_error(f"refused by {constraint}") from error
    except UNAVAILABLE as error:
        # The driver's complaint about an argument is a bug of ours, not an outage.
        if isinstance(error, ValueError):
            raise
        raise LedgerUnavailable("the ledger did not answer") from error
