"""What must hold of an oracle's shard after every batch."""

from collections.abc import Iterable
from fractions import Fraction

from quota.decision import State
from quota.operation import NONE
from tests.oracle.guards import MINUTE_MS, caller_of
from tests.oracle.records import Account, Call, Debit
from tests.oracle.shard import Key, OracleShard


def invariants(shard: OracleShard) -> list[str]:
    """Every broken promise, as a sentence; an empty list is what is wanted."""
    broken = list(shard.breaches)
    for tenant, account in shard.accounts.items():
        broken += _account_invariants(shard, tenant, account)
        broken += _guard_invariants(shard, tenant, account)
    for key, record in shard.records.items():
        if key not in shard.leases:
            broken.append(f"{key} has no lease entry")
        if isinstance(record, Call):
            broken += _call_invariants(key, record)
    if [entry.n for entry in shard.outbox] != list(range(shard.posted + 1, shard.n + 1)):
        broken.append("the outbox has gaps")
    return broken


def _account_invariants(shard: OracleShard, tenant: str, account: Account) -> Iterable[str]:
    kept = [record for key, record in shard.records.items() if key[0] == tenant]
    calls = [record for record in kept if isinstance(record, Call)]
    debits = [record for record in kept if isinstance(record, Debit)]
    waiting = [call.charged for call in calls if not call.confirmed]
    waiting += [debit.taken for debit in debits if not debit.confirmed]
    expected = {
        "reserved": (account.reserved, sum(call.reserved for call in calls)),
        "active_calls": (account.active_calls, sum(call.counted for call in calls)),
        "unposted": (account.unposted, sum(waiting) + shard.damage.get(tenant, 0)),
        "ledger": (account.balance + account.unposted, shard.ledger[tenant]),
    }
    for name, (held, counted) in expected.items():
        if held != counted:
            yield f"{tenant}: {name} is {held}, counted {counted}"


def _guard_invariants(shard: OracleShard, tenant: str, account: Account) -> Iterable[str]:
    """A caller holds what its calls hold; no stretch of time has more starts than the limit."""
    held: dict[Key, int] = {}
    for key, record in shard.records.items():
        if isinstance(record, Call) and record.joined and key[0] == tenant:
            caller = (tenant, f"#{caller_of(record.parties)}")
            held[caller] = held.get(caller, 0) + record.reserved
    callers = {
        key: caller.reserved for key, caller in shard.callers.kept.items() if key[0] == tenant
    }
    for key in held.keys() | callers.keys():
        if held.get(key, 0) != callers.get(key, 0):
            yield f"{key} holds {callers.get(key, 0)}, its calls {held.get(key, 0)}"
    starts = shard.starts.get(tenant, [])
    if account.calls_per_minute != NONE and starts:
        for count, at_ms in enumerate(reversed(starts), start=1):
            passed_ms = starts[-1] - at_ms
            if count > account.calls_per_minute * Fraction(MINUTE_MS + passed_ms, MINUTE_MS):
                yield f"{tenant}: {count} calls started within {passed_ms} ms"


def _call_invariants(key: Key, call: Call) -> Iterable[str]:
    if call.rated != call.charged + call.overrun:
        yield f"{key}: rated is not charged + overrun"
    if min(call.reserved, call.charged, call.overrun, *call.spend_by_day.values(), 0) < 0:
        yield f"{key}: an amount is negative"
    holds = call.state in (State.AUTHORIZED, State.ACTIVE)
    if call.counted != holds or (call.reserved and not holds):
        yield f"{key}: {call.state.name} and counted or reserved"
    if (call.n > 0) != (call.state is State.SETTLED):
        yield f"{key}: settled without a number, or numbered without being settled"
