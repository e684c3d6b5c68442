"""A tenant and what changes it, as values without I/O. Amounts are micros of its currency."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from ledger.errors import LimitOutOfRange
from ledger.time_zone import next_midnight, zone

MAX_LIMIT_MICROS = 10**12
MAX_CALLS = 10**6
MIN_CALL_LENGTH_MS, MAX_CALL_LENGTH_MS = 1_000, 10**12


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a tenant's calls; None does not bound. Amounts are 0 to 10**12 micros, numbers
    of calls 0 to 10**6, and a call's length is 1,000 to 10**12 ms.
    """

    daily_cap_micros: int | None = None
    credit_limit_micros: int = 0
    concurrent_calls: int | None = None
    call_cost_limit_micros: int | None = None
    low_balance_threshold_micros: int | None = None
    calls_per_minute: int | None = None
    caller_daily_limit_micros: int | None = None
    call_length_limit_ms: int | None = None

    def changed(self, changes: Mapping[str, int | None]) -> "Limits":
        """These limits with some set, or removed by None. Raises LimitOutOfRange."""
        unknown = changes.keys() - set(LIMIT_NAMES)
        if unknown:
            raise LimitOutOfRange(f"there is no limit {min(unknown)!r}")
        values: dict[str, Any] = dict(changes)
        if "credit_limit_micros" in values:
            values["credit_limit_micros"] = values["credit_limit_micros"] or 0
        limits = replace(self, **values)
        limits.check()
        return limits

    def check(self) -> None:
        """Raises LimitOutOfRange."""
        for name in LIMIT_NAMES:
            value = getattr(self, name)
            lowest, highest = LIMIT_RANGES[name]
            if value is None and name != "credit_limit_micros":
                continue
            if value.__class__ is not int or not lowest <= value <= highest:
                raise LimitOutOfRange(f"{name} must be a whole number from {lowest} to {highest}")


LIMIT_NAMES = tuple(limit.name for limit in fields(Limits))
LIMIT_RANGES = dict.fromkeys(LIMIT_NAMES, (0, MAX_LIMIT_MICROS)) | {
    "concurrent_calls": (0, MAX_CALLS),
    "calls_per_minute": (0, MAX_CALLS),
    "call_length_limit_ms": (MIN_CALL_LENGTH_MS, MAX_CALL_LENGTH_MS),
}


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What a tenant is created with."""

    id: str
    name: str
    currency: str = "USD"
    tariff: str = "standard"
    time_zone: str = "UTC"
    limits: Limits = Limits()
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class TenantChanges:
    """What to change; None keeps. `limits` holds only the limits to change: None removes one."""

    name: str | None = None
    tariff: str | None = None
    time_zone: str | None = None
    suspended: bool | None = None
    limits: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A paying account.

    `version` counts its changes without gaps, from 1 at its creation; `profile_version` is the
    one at which its time zone or tariff last changed. `next_time_zone` takes over at
    `zone_starts_at`; both are None when no change is pending.
    """

    id: str
    name: str
    currency: str
    tariff: str
    time_zone: str
    next_time_zone: str | None
    zone_starts_at: datetime | None
    limits: Limits
    suspended: bool
    version: int
    profile_version: int
    created_at: datetime

    def zone_at(self, at: datetime) -> str:
        """The time zone in which the tenant's days are counted at `at`."""
        if self.next_time_zone and self.zone_starts_at and self.zone_starts_at <= at:
            return self.next_time_zone
        return self.time_zone

    def changed(self, changes: TenantChanges, at: datetime) -> "Tenant":
        """The tenant with `changes` as its next version. Raises LimitOutOfRange, TimeZoneUnknown.

        A new time zone starts at the next midnight of the one that counts now.
        """
        tenant = self._in_zone_at(at)
        after = replace(
            tenant,
            name=tenant.name if changes.name is None else changes.name,
            tariff=tenant.tariff if changes.tariff is None else changes.tariff,
            suspended=tenant.suspended if changes.suspended is None else changes.suspended,
            limits=tenant.limits.changed(changes.limits),
            version=tenant.version + 1,
        )
        if changes.time_zone is not None:
            after = after._with_zone(changes.time_zone, at)
        profile = (after.tariff, after.time_zone, after.next_time_zone, after.zone_starts_at)
        if profile != (self.tariff, self.time_zone, self.next_time_zone, self.zone_starts_at):
            after = replace(after, profile_version=after.version)
        return after

    def _in_zone_at(self, at: datetime) -> "Tenant":
        if self.zone_at(at) == self.time_zone:
            return self
        return replace(self, time_zone=self.zone_at(at), next_time_zone=None, zone_starts_at=None)

    def _with_zone(self, name: str, at: datetime) -> "Tenant":
        zone(name)
        if name == self.time_zone:
            return replace(self, next_time_zone=None, zone_starts_at=None)
        starts_at = next_midnight(self.time_zone, at)
        return replace(self, next_time_zone=name, zone_starts_at=starts_at)

    def to_document(self) -> dict[str, Any]:
        """The whole tenant in values that JSON can hold."""
        document = asdict(self)
        document["created_at"] = self.created_at.isoformat()
        if self.zone_starts_at is not None:
            document["zone_starts_at"] = self.zone_starts_at.isoformat()
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Tenant":
        """The inverse of `to_document`."""
        values = dict(document)
        values["limits"] = Limits(**values["limits"])
        values["created_at"] = datetime.fromisoformat(values["created_at"])
        if values["zone_starts_at"] is not None:
            values["zone_starts_at"] = datetime.fromisoformat(values["zone_starts_at"])
        return cls(**values)


class Change(NamedTuple):
    """One version of a tenant: a credit in micros, or the whole tenant as it became."""

    version: int
    credit_micros: int | None
    settings: Tenant | None


class CreditResult(NamedTuple):
    """The tenant's version that a credit became."""

    version: int


class TenantSnapshot(NamedTuple):
    """A tenant, its ledger balance and what it spent, all from one moment.

    `spend_by_day` holds the asked days (YYYYMMDD) on which anything was spent.
    """

    tenant: Tenant
    balance_micros: int
    spend_by_day: tuple[tuple[str, int], ...]
    version: int


class PostedDebitRecord(NamedTuple):
    """A debit that is in the ledger."""

    tenant: str
    request_id: str
    amount_micros: int
    digest: bytes
    reason: str
    posted_at: datetime
