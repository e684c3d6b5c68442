"""The directory of tenants: profiles kept in memory, taken from the live store, loaded from the
ledger when the live store does not hold the tenant.

A profile may be old: every operation names the version it was built with, and the script answers
with the present one when it differs, so nothing needs to be told to the processes.
"""

import time
from collections import OrderedDict
from typing import NamedTuple

from ledger.tenant import Change, Tenant, TenantSnapshot
from ledger.tenants import Tenants
from quota.decision import AccountView, Code, Refused
from quota.errors import StoreUnavailable
from quota.operation import NONE, Apply, Day, Load, LookAccount
from quota.shard_state import dates_around
from quota.store import QuotaStore
from server.calls.profile import Profile

MAX_KEPT = 200_000
MAX_ROUNDS = 5


class Known(NamedTuple):
    """A profile with its version, and the running day as computed until it ends."""

    version: int
    profile: Profile
    day: Day


class TenantDirectory:
    """Knows what is needed to ask on a tenant's behalf."""

    def __init__(self, store: QuotaStore, tenants: Tenants) -> None:
        self._store, self._tenants = store, tenants
        self._known: OrderedDict[str, Known] = OrderedDict()

    async def known(self, tenant_id: str) -> Known:
        """The tenant's profile and running day.

        Raises ledger.errors.UnknownTenant, and what the stores raise when they are away.
        """
        known = self._known.get(tenant_id)
        if known is None:
            return await self._ask(tenant_id)
        now_ms = int(time.time() * 1000)
        if now_ms >= known.day.day_end_ms:
            known = known._replace(day=known.profile.day_at(now_ms))
            self._known[tenant_id] = known
        return known

    def recall(self, tenant_id: str) -> Known | None:
        """What is in memory about the tenant and holds today."""
        known = self._known.get(tenant_id)
        if known is None or time.time() * 1000 >= known.day.day_end_ms:
            return None
        return known

    def learn(self, tenant_id: str, version: int, packed: str) -> Known:
        """Takes note of the profile that the live store holds."""
        profile = Profile.unpack(packed)
        known = Known(version, profile, profile.day_at(int(time.time() * 1000)))
        self._known[tenant_id] = known
        if len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)
        return known

    async def account(self, tenant_id: str) -> AccountView:
        """The tenant's account, loaded when the live store does not hold it."""
        for _ in range(MAX_ROUNDS):
            result = await self._store.submit(LookAccount(tenant_id))
            if isinstance(result, AccountView):
                return result
            if not (isinstance(result, Refused) and result.code == Code.NOT_LOADED):
                raise RuntimeError(f"an account could not be read: {result}")
            await self.load(tenant_id)
        raise StoreUnavailable("an account is lost as soon as it is loaded")

    async def load(self, tenant_id: str) -> None:
        """Brings the tenant from the ledger to the live store, unless it is there already.

        A snapshot from before a rebuild may lack what was posted until then: it is not used.
        """
        epoch = self._store.line_of(tenant_id).epoch
        snapshot = await self._tenants.snapshot(tenant_id, dates_around(time.time()))
        await self._store.submit(load_of(snapshot), epoch)

    async def _ask(self, tenant_id: str) -> Known:
        account = await self.account(tenant_id)
        return self.learn(tenant_id, account.profile_version, account.profile)


def profile_of(tenant: Tenant) -> Profile:
    """The profile of a tenant as the ledger knows it."""
    starts = tenant.zone_starts_at
    return Profile(
        time_zone=tenant.time_zone,
        next_time_zone=tenant.next_time_zone or "",
        zone_starts_ms=NONE if starts is None else int(starts.timestamp() * 1000),
        tariff=tenant.tariff,
        currency=tenant.currency,
    )


class Guards(NamedTuple):
    """A tenant's further limits, as the live store counts them; NONE for a limit it has not."""

    calls_per_minute: int = NONE
    caller_daily_limit: int = NONE
    call_length_limit_ms: int = NONE

    @classmethod
    def of(cls, tenant: Tenant) -> "Guards":
        """The guards of a tenant as the ledger knows it."""
        limits = tenant.limits
        return cls(
            _bound(limits.calls_per_minute),
            _bound(limits.caller_daily_limit_micros),
            _bound(limits.call_length_limit_ms),
        )


class Bounds(NamedTuple):
    """A tenant's limits as the live store counts them; NONE for a limit that it has not."""

    credit_limit: int
    daily_cap: int
    call_cost_limit: int
    concurrent_calls: int
    low_balance_threshold: int
    suspended: int

    @classmethod
    def of(cls, tenant: Tenant) -> "Bounds":
        """The bounds of a tenant as the ledger knows it."""
        limits = tenant.limits
        return cls(
            limits.credit_limit_micros,
            _bound(limits.daily_cap_micros),
            _bound(limits.call_cost_limit_micros),
            _bound(limits.concurrent_calls),
            _bound(limits.low_balance_threshold_micros),
            int(tenant.suspended),
        )


def _bound(limit: int | None) -> int:
    return NONE if limit is None else limit


UNCHANGED = Bounds(0, NONE, NONE, NONE, NONE, 0)


def load_of(snapshot: TenantSnapshot) -> Load:
    """The operation that brings a snapshot to the live store."""
    tenant = snapshot.tenant
    return Load(
        tenant.id,
        snapshot.version,
        snapshot.balance_micros,
        *Bounds.of(tenant),
        tenant.profile_version,
        profile_of(tenant).pack(),
        snapshot.spend_by_day,
        *Guards.of(tenant),
    )


def apply_of(tenant_id: str, change: Change) -> Apply:
    """The operation that brings one change of a tenant to the live store."""
    settings = change.settings
    if settings is None:
        return Apply(tenant_id, change.version, change.credit_micros or 0, 0, *UNCHANGED, "")
    changed_profile = settings.profile_version == change.version
    profile = profile_of(settings).pack() if changed_profile else ""
    bounds, guards = Bounds.of(settings), Guards.of(settings)
    return Apply(tenant_id, change.version, 0, 1, *bounds, profile, *guards)
