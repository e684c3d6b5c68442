"""What a shard shows of its records."""

from collections.abc import Sequence

from quota.decision import AccountView, CallView, Code
from quota.outbox import SettledEntry
from tests.oracle.records import Account, Call


def days_of(call: Call) -> tuple[tuple[str, int], ...]:
    """What a call was charged by day."""
    return tuple(call.spend_by_day.items())


def account_view(account: Account, spend: Sequence[tuple[str, int]], posted_n: int) -> AccountView:
    """One account."""
    return AccountView(
        code=Code.OK,
        balance=account.balance,
        unposted=account.unposted,
        reserved=account.reserved,
        active_calls=account.active_calls,
        credit_limit=account.credit_limit,
        daily_cap=account.daily_cap,
        call_cost_limit=account.call_cost_limit,
        concurrent_calls=account.concurrent_calls,
        low_balance_threshold=account.low_balance_threshold,
        suspended=account.suspended,
        version=account.version,
        profile_version=account.profile_version,
        profile=account.profile,
        posted_n=posted_n,
        spend_by_day=tuple((day, amount) for day, amount in spend if amount),
        calls_per_minute=account.calls_per_minute,
        caller_daily_limit=account.caller_daily_limit,
        call_length_limit_ms=account.call_length_limit_ms,
    )


def call_view(call: Call) -> CallView:
    """One call."""
    return CallView(
        code=Code.OK,
        state=call.state,
        pin=call.pin,
        model=call.model,
        parties=call.parties,
        assistant_id=call.assistant_id,
        authorized_at_ms=call.authorized_at_ms,
        lease_until_ms=call.lease_until_ms,
        elapsed_ms=call.elapsed_ms,
        reserved=call.reserved,
        rated=call.rated,
        charged=call.charged,
        overrun=call.overrun,
        usage=call.usage,
        spend_by_day=days_of(call),
        times=call.times,
        outcome=call.outcome,
        n=call.n,
    )


def settled_entry(key: tuple[str, str], call: Call, now_ms: int) -> SettledEntry:
    """What the ledger is told of a call that was closed."""
    return SettledEntry(
        n=call.n,
        tenant=key[0],
        call_id=key[1],
        settled_at_ms=now_ms,
        pin=call.pin,
        model=call.model,
        parties=call.parties,
        assistant_id=call.assistant_id,
        authorized_at_ms=call.authorized_at_ms,
        elapsed_ms=call.elapsed_ms,
        rated=call.rated,
        charged=call.charged,
        overrun=call.overrun,
        usage=call.usage,
        free_ms=call.free_ms,
        spend_by_day=days_of(call),
        digest=call.digest,
        times=call.times,
        outcome=call.outcome,
    )
