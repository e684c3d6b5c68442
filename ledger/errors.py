"""Everything that this package raises on purpose.

LedgerError
├── LedgerUnavailable     Postgres did not answer; whether a change was made is unknown
├── KeyReused             the same request id with other content
├── NotKnown
│   ├── UnknownTenant
│   ├── UnknownCall
│   ├── UnknownTransaction
│   ├── TariffUnknown
│   ├── ApiKeyUnknown
│   ├── OrganisationUnknown
│   ├── DocumentUnknown
│   ├── UnknownTopUp
│   └── NotificationUnknown
├── TenantExists
├── RateMissing           no exchange rate is set for a day and pair of currencies
├── PaymentMismatch       a payment is not the one that was asked for
├── WrongState            the state of a top-up or notification does not allow it
├── NoChannel             there is nobody to send a test to
├── AskedTooOften         more mails in an hour than a tenant may ask for
├── NotAllowed            a value that the caller must change
│   ├── TariffRejected        with the list of problems
│   ├── UnknownMeter
│   ├── QuantityOutOfRange
│   ├── CostOutOfRange
│   ├── AmountOutOfRange
│   ├── BalanceOutOfRange
│   ├── LimitOutOfRange
│   ├── TimeZoneUnknown
│   ├── CurrencyMismatch
│   ├── RateMalformed
│   ├── ApiKeyMalformed
│   └── RequisitesRejected    with the list of faults
├── NotIssued             a document that cannot be written as things are
│   ├── OrganisationArchived
│   ├── OrganisationIsDraft   with the list of faults
│   ├── PayerMissing
│   ├── MonthNotOver
│   ├── NothingCharged
│   ├── EmailMissing          the organisation has no e-mail to send a document to
│   └── DocumentDiffers       it was issued before with other content
├── EpochChanged          the shard was rebuilt meanwhile
├── OutboxGap             an outbox entry is missing before this one
├── ShardCountMismatch    the installation was made with another number of shards
├── MigrationRefused      the schema is not one that this release can take forward
└── InvariantBroken       the database refused what the code must never ask for
"""

from collections.abc import Sequence
from datetime import date

from ledger.organisations.requisites import Fault


class LedgerError(Exception):
    """Any error of this package."""


class LedgerUnavailable(LedgerError):
    """Postgres did not answer in time or at all: the outcome of a change is unknown, ask again."""


class KeyReused(LedgerError):
    """A request id was used before with other content."""


class NotKnown(LedgerError):
    """What was named does not exist."""


class UnknownTenant(NotKnown):
    """There is no such tenant."""


class UnknownCall(NotKnown):
    """The ledger holds no such call."""


class UnknownTransaction(NotKnown):
    """The payment history has no such row."""


class TariffUnknown(NotKnown):
    """There is no such tariff."""


class UnknownTopUp(NotKnown):
    """There is no such top-up."""


class NotificationUnknown(NotKnown):
    """The tenant has no such notification."""


class ApiKeyUnknown(NotKnown):
    """There is no such API key."""


class TenantExists(LedgerError):
    """A tenant of this id was created by another request."""


class RateMissing(LedgerError):
    """No exchange rate from `base` to `quote` is set for the day or an earlier one."""

    def __init__(self, base: str, quote: str, day: date) -> None:
        super().__init__(f"no exchange rate from {base} to {quote} is set for {day} or before")
        self.base, self.quote, self.day = base, quote, day


class PaymentMismatch(LedgerError):
    """A payment is not the one that was asked for: nothing was credited. `what` names it:
    amount, currency, provider_ref or payment_ref.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"the payment has another {what}")
        self.what = what


class WrongState(LedgerError):
    """The state of a top-up or notification does not allow what was asked; nothing was changed."""


class NoChannel(LedgerError):
    """No channel of the tenant is on: there is nobody to send a test to."""


class AskedTooOften(LedgerError):
    """The tenant asked for as many mails within an hour as it may."""


class NotAllowed(LedgerError):
    """A value is outside what is allowed; nothing was changed."""


class TariffRejected(NotAllowed):
    """A tariff document cannot be taken. `problems` are texts that start with a field path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class UnknownMeter(NotAllowed):
    """The tariff does not price `meter`."""

    def __init__(self, meter: str) -> None:
        super().__init__("the tariff does not price a reported meter")
        self.meter = meter


class QuantityOutOfRange(NotAllowed):
    """The quantity of `meter` is not a whole number from 0 to 10**12."""

    def __init__(self, meter: str) -> None:
        super().__init__(f"the quantity of {meter} must be a whole number from 0 to 10^12")
        self.meter = meter


class CostOutOfRange(NotAllowed):
    """A call would cost more than 10**12 micros."""


class AmountOutOfRange(NotAllowed):
    """An amount is not from 1 to 10**12 micros."""


class BalanceOutOfRange(NotAllowed):
    """A balance would leave −10**15 to 10**15 micros."""


class LimitOutOfRange(NotAllowed):
    """A limit of a tenant is outside its range."""


class TimeZoneUnknown(NotAllowed):
    """The name is not an IANA time zone."""


class CurrencyMismatch(NotAllowed):
    """A tariff's currency is not its tenant's."""


class RateMalformed(NotAllowed):
    """The text is no exchange rate."""


class ApiKeyMalformed(NotAllowed):
    """The text is not `tg_<key_id>_<secret>`."""


class EpochChanged(LedgerError):
    """The shard's epoch is not the one that was expected: nothing was posted."""


class OutboxGap(LedgerError):
    """The first entry is not the one that follows the last posted; `expected` tells its number."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"expected outbox entry {expected}, found {found}")
        self.expected = expected
        self.found = found


class ShardCountMismatch(LedgerError):
    """The installation was made with `stored` shards; the count cannot change."""

    def __init__(self, stored: int, wanted: int) -> None:
        super().__init__(f"this installation has {stored} shards, not {wanted}")
        self.stored = stored
        self.wanted = wanted


class MigrationRefused(LedgerError):
    """An applied migration was changed, or is not part of this release."""


class InvariantBroken(LedgerError):
    """The database refused a row that breaks a rule of the ledger; a bug, nothing was changed."""


class OrganisationUnknown(NotKnown):
    """The tenant has no such organisation."""


class DocumentUnknown(NotKnown):
    """The tenant has no such document."""


class RequisitesRejected(NotAllowed):
    """Requisites that cannot be, with everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field} {fault.must}" for fault in faults))
        self.faults = tuple(faults)


class NotIssued(LedgerError):
    """A document cannot be issued as things are; nothing was numbered."""


class OrganisationArchived(NotIssued):
    """The organisation is out of use."""


class OrganisationIsDraft(NotIssued):
    """The organisation is a draft; `faults` is what its requisites lack, if anything."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("the organisation is a draft: complete it and take the draft mark off")
        self.faults = tuple(faults)


class PayerMissing(NotIssued):
    """The tenant has not chosen the organisation that its acts are made out to."""


class MonthNotOver(NotIssued):
    """The month has not ended in the tenant's time zone."""


class NothingCharged(NotIssued):
    """Nothing, or less than half a kopeck, was charged in the month."""


class DocumentDiffers(NotIssued):
    """A document of the same month, or for the same top-up, was issued with other content."""


class EmailMissing(NotIssued):
    """The organisation has no e-mail for documents."""
