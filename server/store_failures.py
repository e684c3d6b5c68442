"""What the stores raise, and which failure a client is told of it: the second half of the table."""

from collections.abc import Callable

from ledger import errors as ledger
from quota import errors as quota
from server.errors import (
    AlreadyExists,
    FailedPrecondition,
    Failure,
    InvalidFields,
    KeyReused,
    NotFound,
    Overloaded,
    StoreUnavailable,
    TenantUnknown,
    Violation,
)

ASK_AGAIN_MS = 360_000


def _invalid(field: str, reason: str) -> Callable[[Exception], Failure]:
    return lambda error: InvalidFields([Violation(field, str(error), reason)])


def _requisites_rejected(error: Exception) -> Failure:
    assert isinstance(error, ledger.RequisitesRejected)
    return InvalidFields(
        [
            Violation(f"organisation.{fault.field}", fault.must, fault.reason)
            for fault in error.faults
        ]
    )


def _not_issued(reason: str) -> Callable[[Exception], Failure]:
    return lambda error: FailedPrecondition(reason, str(error))


def _draft(error: Exception) -> Failure:
    assert isinstance(error, ledger.OrganisationIsDraft)
    lacking = {fault.field: fault.must for fault in error.faults}
    return FailedPrecondition("ORGANISATION_IS_DRAFT", str(error), lacking)


def _tariff_rejected(error: Exception) -> Failure:
    assert isinstance(error, ledger.TariffRejected)
    problems = (problem.partition(" ") for problem in error.problems)
    return InvalidFields(
        [
            Violation(f"tariff.{field.rstrip(':')}", description, "INVALID_TARIFF")
            for field, _, description in problems
        ]
    )


def _rate_missing(error: Exception) -> Failure:
    assert isinstance(error, ledger.RateMissing)
    pair = f"{error.base} {error.quote}"
    text = f"{error}: an administrator sets it: tollgate rate set {pair} RATE --day {error.day}"
    metadata = {"base": error.base, "quote": error.quote, "day": str(error.day)}
    return FailedPrecondition("RATE_MISSING", text, metadata)


FAILURES: dict[type[Exception], Callable[[Exception], Failure]] = {
    quota.StoreUnavailable: lambda _: StoreUnavailable("redis"),
    quota.StoreUnfit: lambda _: StoreUnavailable("redis"),
    ledger.LedgerUnavailable: lambda _: StoreUnavailable("postgres"),
    ledger.KeyReused: lambda _: KeyReused(),
    ledger.UnknownTenant: lambda _: TenantUnknown(),
    ledger.UnknownCall: lambda _: NotFound("CALL_UNKNOWN", "the ledger holds no such call"),
    ledger.UnknownTransaction: lambda _: NotFound(
        "UNKNOWN_TRANSACTION", "the payment history has no such row"
    ),
    ledger.TariffUnknown: lambda _: NotFound("UNKNOWN_TARIFF", "there is no such tariff"),
    ledger.UnknownTopUp: lambda _: NotFound("UNKNOWN_TOP_UP", "the tenant has no such top-up"),
    ledger.NotificationUnknown: lambda error: NotFound("UNKNOWN_NOTIFICATION", str(error)),
    ledger.NoChannel: lambda error: FailedPrecondition("NO_CHANNEL", str(error)),
    ledger.AskedTooOften: lambda error: Overloaded(ASK_AGAIN_MS, str(error)),
    ledger.RateMissing: _rate_missing,
    ledger.WrongState: lambda error: FailedPrecondition("WRONG_STATE", str(error)),
    ledger.PaymentMismatch: lambda error: FailedPrecondition("PAYMENT_MISMATCH", str(error)),
    ledger.RateMalformed: _invalid("exchange_rate.rate", "INVALID"),
    ledger.ApiKeyUnknown: lambda _: NotFound("UNKNOWN_API_KEY", "there is no such key"),
    ledger.OrganisationUnknown: lambda error: NotFound("UNKNOWN_ORGANISATION", str(error)),
    ledger.DocumentUnknown: lambda error: NotFound("UNKNOWN_DOCUMENT", str(error)),
    ledger.TenantExists: lambda _: AlreadyExists(
        "TENANT_EXISTS", "a tenant of this id exists already"
    ),
    ledger.TariffRejected: _tariff_rejected,
    ledger.RequisitesRejected: _requisites_rejected,
    ledger.OrganisationArchived: _not_issued("ORGANISATION_ARCHIVED"),
    ledger.OrganisationIsDraft: _draft,
    ledger.PayerMissing: _not_issued("PAYER_MISSING"),
    ledger.MonthNotOver: _not_issued("MONTH_NOT_OVER"),
    ledger.NothingCharged: _not_issued("NOTHING_CHARGED"),
    ledger.DocumentDiffers: _not_issued("DOCUMENT_DIFFERS"),
    ledger.EmailMissing: _not_issued("EMAIL_MISSING"),
    ledger.UnknownMeter: _invalid("usage.quantities", "UNKNOWN_METER"),
    ledger.QuantityOutOfRange: _invalid("usage.quantities", "QUANTITY_OUT_OF_RANGE"),
    ledger.CostOutOfRange: _invalid("usage.quantities", "COST_OUT_OF_RANGE"),
    ledger.AmountOutOfRange: _invalid("amount_micros", "AMOUNT_OUT_OF_RANGE"),
    ledger.LimitOutOfRange: _invalid("tenant.limits", "LIMIT_OUT_OF_RANGE"),
    ledger.TimeZoneUnknown: _invalid("tenant.time_zone", "UNKNOWN_TIME_ZONE"),
    ledger.ApiKeyMalformed: _invalid("api_key", "MALFORMED_API_KEY"),
    ledger.BalanceOutOfRange: lambda error: FailedPrecondition("BALANCE_OUT_OF_RANGE", str(error)),
    ledger.CurrencyMismatch: lambda error: FailedPrecondition("CURRENCY_MISMATCH", str(error)),
    ledger.NotAllowed: _invalid("request", "INVALID"),
    ledger.EpochChanged: lambda _: StoreUnavailable("redis"),
}


def failure_of(error: Exception) -> Failure | None:
    """The failure that a store's error stands for; None for one that nobody should see."""
    for kind in type(error).__mro__:
        make = FAILURES.get(kind)
        if make is not None:
            return make(error)
    return None
