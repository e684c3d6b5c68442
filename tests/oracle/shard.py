"""The rules of docs/live-store.md, written a second time in plain Python.

`OracleShard` holds one shard in ordinary objects and decides batches as the page says. It knows
nothing of Redis, packing or the script; whatever both sides answer alike is right twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from quota.batch import Result, Simple
from quota.decision import (
    CallResult,
    Code,
    Directive,
    Event,
    Reason,
    Refused,
    State,
    SweepDeed,
)
from quota.operation import (
    MAX_BALANCE_MICROS,
    NONE,
    Apply,
    Authorize,
    Charge,
    Confirm,
    Day,
    Debit,
    End,
    Load,
    LookAccount,
    LookCall,
    LookGrant,
    Operation,
    Repair,
    Settle,
    Sweep,
    Verdict,
)
from quota.outbox import CrossingEntry, DebitedEntry, OutboxEntry
from tests.oracle.callers import Callers
from tests.oracle.form import bad_field
from tests.oracle.guards import count_start, recent_starts, starts_wait_ms
from tests.oracle.records import Account, Call, Config
from tests.oracle.records import Debit as DebitRecord
from tests.oracle.till import UNBOUNDED, Till, ceil_div
from tests.oracle.views import account_view, call_view, days_of, settled_entry

Record = Call | DebitRecord
Key = tuple[str, str]  # tenant; call id or debit key

INCOMPLETE = 6
DAY_MS = 86_400_000
SETTINGS = (
    "credit_limit",
    "daily_cap",
    "call_cost_limit",
    "concurrent_calls",
    "low_balance_threshold",
    "suspended",
    "calls_per_minute",
    "caller_daily_limit",
    "call_length_limit_ms",
)


DONE = Simple(Code.OK)


def no(code: Code, *detail: int | str) -> Refused:
    """An answer that is not about a call, or says what is missing."""
    return Refused(int(code), detail)


# What is decided for a day, under a profile.
Timely = Authorize | Charge | Settle | LookGrant


class OracleShard:
    """One shard: `apply` decides a batch."""

    def __init__(self, config: Config, now_ms: int = 0) -> None:
        self.config = config
        self.now_ms = now_ms
        self.dates: tuple[str, ...] = ()
        self.accounts: dict[str, Account] = {}
        self.records: dict[Key, Record] = {}
        self.callers = Callers()
        self.starts: dict[str, list[int]] = {}  # when calls started under the limit that holds
        self.leases: dict[Key, int] = {}
        self.spend: dict[str, dict[str, int]] = {}
        self.outbox: list[OutboxEntry] = []
        self.n = 0
        self.posted = 0
        self.unreadable: set[Key] = set()  # (tenant, "") is the account's
        self.ledger: dict[str, int] = {}  # what balance + unposted must be
        self.damage: dict[str, int] = {}
        self.breaches: list[str] = []
        self._last_today: dict[str, str] = {}
        self._deeds: dict[type, Callable[[Any], Result]] = {
            Load: self._load,
            Apply: self._apply_change,
            Authorize: self._authorize,
            Charge: self._charge,
            Settle: self._settle,
            End: self._end,
            Sweep: self._sweep,
            Debit: self._debit,
            Confirm: self._confirm,
            Repair: self._repair,
            LookAccount: self._look_account,
            LookCall: self._look_call,
            LookGrant: self._look_grant,
        }

    def apply(self, batch: Sequence[Operation], now_ms: int, dates: Sequence[str]) -> list[Result]:
        """Decides the operations in order at one moment; each sees the earlier ones."""
        self.now_ms = now_ms
        self.dates = tuple(dates)
        return [self._decide(operation) for operation in batch]

    def _decide(self, operation: Operation) -> Result:
        before = self._bounds(operation)
        self.callers.begin()
        result = self._unfit(operation) or self._deeds[type(operation)](operation)
        for key in self.callers.keep():
            self.leases[key] = self.now_ms + DAY_MS
        self._watch_bounds(operation, before)
        return result

    # What comes before every rule

    def _unfit(self, operation: Operation) -> Refused | None:
        bad = bad_field(operation)
        if bad is not None:
            return no(Code.BAD_FORM, bad)
        account = self.accounts.get(operation.tenant)
        if account is None and not isinstance(operation, Load | Confirm):
            return no(Code.NOT_LOADED)
        if not isinstance(operation, Confirm) and self._is_corrupt(operation):
            return no(Code.CORRUPT)
        if account is not None and isinstance(operation, Timely):
            return self._untimely(operation, account)
        return None

    def _untimely(self, operation: Timely, account: Account) -> Refused | None:
        if operation.profile_version != account.profile_version:
            return no(Code.STALE_PROFILE, account.profile_version, account.profile)
        if self._today(operation.day) not in self.dates:
            return no(Code.CLOCK)
        return None

    def _is_corrupt(self, operation: Operation) -> bool:
        account = (operation.tenant, "")
        return account in self.unreadable or self._key(operation) in self.unreadable

    @staticmethod
    def _key(operation: Operation) -> Key:
        match operation:
            case Authorize() | Charge() | Settle() | End() | LookCall() | LookGrant():
                return operation.tenant, operation.call_id
            case Sweep():
                return operation.tenant, operation.member
            case Debit() | Confirm():
                return operation.tenant, operation.key
            case _:
                return operation.tenant, ""

    def _today(self, day: Day) -> str:
        return day.day if self.now_ms < day.day_end_ms else day.next_day

    def _day_end_ms(self, day: Day) -> int:
        """When today ends; of the day that follows only that it has about 24 hours is known."""
        return day.day_end_ms if self.now_ms < day.day_end_ms else day.day_end_ms + DAY_MS

    def _call(self, operation: Operation) -> Call | None:
        record = self.records.get(self._key(operation))
        assert not isinstance(record, DebitRecord)
        return record

    def _spent(self, tenant: str, day: str) -> int:
        return self.spend.get(day, {}).get(tenant, 0)

    def _till(self, operation: Timely, call: Call) -> Till:
        tenant, today = operation.tenant, self._today(operation.day)
        account = self.accounts[tenant]
        caller = self.callers.joined(tenant, call)
        return Till(self.config, account, call, today, self._spent(tenant, today), caller)

    # The tenant

    def _load(self, operation: Load) -> Result:
        if operation.tenant in self.accounts:
            return DONE
        self.accounts[operation.tenant] = Account(
            balance=operation.balance,
            credit_limit=operation.credit_limit,
            daily_cap=operation.daily_cap,
            call_cost_limit=operation.call_cost_limit,
            concurrent_calls=operation.concurrent_calls,
            low_balance_threshold=operation.low_balance_threshold,
            suspended=operation.suspended,
            version=operation.version,
            profile_version=operation.profile_version,
            profile=operation.profile,
            calls_per_minute=operation.calls_per_minute,
            caller_daily_limit=operation.caller_daily_limit,
            call_length_limit_ms=operation.call_length_limit_ms,
        )
        for day, micros in operation.spend_by_day:
            if day in self.dates:
                self.spend.setdefault(day, {})[operation.tenant] = micros
        self.ledger[operation.tenant] = operation.balance
        return DONE

    def _apply_change(self, operation: Apply) -> Result:
        account = self.accounts[operation.tenant]
        if operation.version <= account.version:
            return DONE
        if operation.version > account.version + 1:
            return no(Code.VERSION_GAP, account.version)
        if account.balance + operation.credit > MAX_BALANCE_MICROS:
            return no(Code.BAD_FORM, "credit")
        account.balance += operation.credit
        self.ledger[operation.tenant] += operation.credit
        account.version = operation.version
        before = replace(account)
        if operation.has_settings:
            self._keep_starts(operation, account)
            for name in SETTINGS:
                setattr(account, name, getattr(operation, name))
        if operation.profile:
            account.profile, account.profile_version = operation.profile, operation.version
        self._rearm(account, operation.credit > 0, before)
        self._lift(operation.tenant, account, before.daily_cap)
        return DONE

    def _keep_starts(self, operation: Apply, account: Account) -> None:
        """Starts that were counted stay when another limit takes over."""
        limits = (account.calls_per_minute, operation.calls_per_minute)
        recent = min(recent_starts(account, self.now_ms), Fraction(operation.calls_per_minute))
        account.starts = Fraction(0) if NONE in limits else recent
        account.starts_at_ms = self.now_ms
        if limits[0] != limits[1]:
            self.starts.pop(operation.tenant, None)

    @staticmethod
    def _rearm(account: Account, credited: bool, before: Account) -> None:
        threshold = account.low_balance_threshold
        above = account.balance - threshold
        moved = threshold != before.low_balance_threshold
        if threshold == NONE or (credited and 10 * above > threshold) or (moved and above >= 0):
            account.low_sent = False
        changed = credited or account.credit_limit != before.credit_limit
        if changed and account.balance + account.credit_limit > 0:
            account.exhausted_sent = False

    def _lift(self, tenant: str, account: Account, cap_before: int) -> None:
        """A cap that was reached, raised or removed, and leaves something of the day it was."""
        cap = account.daily_cap
        rose = NONE not in (cap, cap_before) and cap > cap_before
        removed = cap == NONE != cap_before
        if not account.cap_sent_on or not (rose or removed):
            return
        day = account.cap_sent_on
        spent = self._spent(tenant, day) if day in self.dates else 0
        if removed or cap > spent:
            self._tell_lifted(tenant, account, spent)

    def _tell_lifted(self, tenant: str, account: Account, spent: int) -> None:
        account.cap_sent_on = ""
        self._write_crossing(tenant, Event.DAILY_CAP_LIFTED, spent, account.daily_cap)

    def _repair(self, operation: Repair) -> Result:
        account = self.accounts[operation.tenant]
        read = (operation.version, operation.posted_n, operation.live)
        if read != (account.version, self.posted, account.balance + account.unposted):
            return no(Code.OUTDATED)
        if abs(account.balance + operation.difference) > MAX_BALANCE_MICROS:
            return no(Code.BAD_FORM)
        account.balance += operation.difference
        self.ledger[operation.tenant] += operation.difference
        return DONE

    # Authorize

    def _authorize(self, operation: Authorize) -> Result:
        call = self._call(operation)
        if call is None:
            return self._authorize_new(operation)
        if (call.model, call.parties) != (operation.model, operation.parties):
            return no(Code.KEY_REUSED)
        if call.state is State.SETTLED:
            return self._authorize_settled(operation, call)
        if operation.has_usage and call.pin != operation.pin:
            return no(Code.PIN_MISMATCH, call.pin, call.model)
        return self._authorize_again(operation, call)

    def _authorize_settled(self, operation: Authorize, call: Call) -> Result:
        reason = self._closed_to_all(operation) or Reason.CALL_ALREADY_SETTLED
        return self._answer(operation, call, reason=reason, known=1)

    def _authorize_again(self, operation: Authorize, call: Call) -> Result:
        till = self._till(operation, call)
        self.callers.join(operation.tenant, till)
        if operation.has_usage:
            self._report(operation, till)
        if call.state is State.EXPIRED:
            return self._answer(operation, call, known=1)
        call.lease_until_ms = self.now_ms + self.config.lease_ms
        if call.refused:
            return self._reserve_or_refuse(operation, till, known=1)
        short = False
        if operation.has_usage:
            call.state = State.ACTIVE
            short = till.extend()
        return self._answer(operation, call, short=short, known=1)

    def _authorize_new(self, operation: Authorize) -> Result:
        if self.n - self.posted >= self.config.max_outbox:
            return no(Code.OUTBOX_FULL)
        call = self._new_call(operation, State.AUTHORIZED)
        till = self._till(operation, call)
        if operation.unknown_model:
            return self._turn_away(operation, self._closed_to_all(operation))
        if operation.has_usage:
            self._open(operation, call, State.ACTIVE)
            self.callers.join(operation.tenant, till)
            self._report(operation, till)
            return self._reserve_or_refuse(operation, till, known=0)
        till.caller = self.callers.open_to(operation.tenant, operation.parties, till.account)
        reason = self._refusal(operation, till, others=till.account.active_calls)
        if not reason and starts_wait_ms(till.account, self.now_ms):
            reason = Reason.RATE_LIMITED
        if reason:
            return self._turn_away(operation, reason)
        self._open(operation, call, State.AUTHORIZED)
        count_start(till.account, self.now_ms)
        self.starts.setdefault(operation.tenant, []).append(self.now_ms)
        self.callers.join(operation.tenant, till)
        short = self._reserve(operation, till)
        return self._answer(operation, call, short=short)

    def _new_call(self, operation: Authorize | Settle, state: State) -> Call:
        opened = isinstance(operation, Authorize)
        return Call(
            state=state,
            pin=operation.pin,
            model=operation.model,
            parties=operation.parties,
            assistant_id=operation.assistant_id,
            fee=operation.fee if isinstance(operation, Authorize) else 0,
            burn=operation.burn if isinstance(operation, Authorize) else 0,
            free_ms=operation.free_ms,
            authorized_at_ms=self.now_ms,
            lease_until_ms=self.now_ms + self.config.lease_ms,
            counted=opened,
        )

    def _open(self, operation: Authorize, call: Call, state: State) -> None:
        key = self._key(operation)
        call.state = state
        self.records[key] = call
        self.leases[key] = call.lease_until_ms + self.config.grace_ms
        self.accounts[operation.tenant].active_calls += 1

    def _reserve_or_refuse(self, operation: Authorize, till: Till, known: int) -> Result:
        call = till.call
        call.refused = self._refusal(operation, till, others=till.account.active_calls - 1)
        if call.refused:
            return self._answer(operation, call, reason=call.refused, known=known)
        short = False if call.ended else self._reserve(operation, till)
        return self._answer(operation, call, short=short, known=known)

    def _closed_to_all(self, operation: Authorize) -> Reason:
        if self.accounts[operation.tenant].suspended:
            return Reason.TENANT_SUSPENDED
        return Reason.UNKNOWN_MODEL if operation.unknown_model else Reason.NONE

    def _refusal(self, operation: Authorize, till: Till, others: int) -> Reason:
        account, least = till.account, operation.min_start
        if account.suspended:
            return Reason.TENANT_SUSPENDED
        if operation.target > 0:
            if account.available < least:
                return Reason.INSUFFICIENT_BALANCE
            if till.cap_room < least:
                return Reason.DAILY_CAP_REACHED
            if till.call_room < least:
                return Reason.CALL_COST_LIMIT
        if NONE < account.concurrent_calls <= others:
            return Reason.TOO_MANY_CONCURRENT_CALLS
        if operation.target > 0 and till.caller_room < least:
            return Reason.CALLER_LIMIT
        return Reason.NONE

    @staticmethod
    def _reserve(operation: Authorize, till: Till) -> bool:
        target, ahead_ms = operation.target, till.ahead_ms
        longest = operation.fee + ceil_div(operation.burn * ahead_ms, 1000)
        if ahead_ms < UNBOUNDED:
            target = min(target, max(operation.min_start, longest)) if ahead_ms else 0
        amount = max(0, min(target, till.room))
        till.hold(amount)
        return amount < target

    def _guard(self, operation: Timely | End, reason: Reason, call: Call | None) -> tuple[int, ...]:
        """What explains a refusal by a guard."""
        account = self.accounts[operation.tenant]
        if reason is Reason.RATE_LIMITED:
            return account.calls_per_minute, starts_wait_ms(account, self.now_ms)
        if reason is not Reason.CALLER_LIMIT or not isinstance(operation, Authorize):
            return ()
        caller = self.callers.open_to(operation.tenant, operation.parties, account)
        assert caller is not None
        spent = caller.spend.get(self._today(operation.day), 0)
        held = caller.reserved - (call.reserved if call else 0)
        return account.caller_daily_limit, spent, held

    def _turn_away(self, operation: Authorize, reason: Reason) -> Result:
        """Refuses without a trace."""
        account = self.accounts[operation.tenant]
        today = self._today(operation.day)
        return CallResult(
            code=Code.OK,
            reason=reason,
            directive=Directive.HANG_UP,
            state=0,
            reserved=0,
            left_ms=0,
            valid_for_ms=0,
            rated=0,
            charged=0,
            overrun=0,
            n=0,
            pin="",
            usage=b"",
            known=0,
            available=account.available,
            reserved_by_others=account.reserved,
            daily_cap=account.daily_cap,
            spend_today=self._spent(operation.tenant, today),
            day_end_ms=self._day_end_ms(operation.day),
            outcome=0,
            spend_by_day=(),
            model="",
            guard=self._guard(operation, reason, None),
        )

    # Charge, Settle, End

    def _charge(self, operation: Charge) -> Result:
        call = self._call(operation)
        if call is None:
            return no(Code.CALL_MISSING)
        till = self._till(operation, call)
        if call.state is State.SETTLED:
            return self._answer(operation, call, known=1)
        if (call.pin, call.model) != (operation.pin, operation.model):
            return no(Code.PIN_MISMATCH, call.pin, call.model)
        known = int(till.is_lower(operation.total, operation.weight))
        self.callers.join(operation.tenant, till)
        self._report(operation, till)
        if call.state is State.EXPIRED:
            return self._answer(operation, call, known=known)
        call.state = State.ACTIVE
        call.lease_until_ms = self.now_ms + self.config.lease_ms
        short = False if call.refused else till.extend()
        return self._answer(operation, call, short=short, known=known)

    def _settle(self, operation: Settle) -> Result:
        call = self._call(operation)
        if call is None:
            if not operation.opens:
                return no(Code.CALL_MISSING)
            call = self._new_call(operation, State.ACTIVE)
        if (call.model, call.parties) != (operation.model, operation.parties):
            return no(Code.KEY_REUSED)
        till = self._till(operation, call)
        if call.state is State.SETTLED:
            if call.digest not in (b"", operation.digest):
                return no(Code.KEY_REUSED)
            return self._answer(operation, call, known=1)
        if call.pin != operation.pin:
            return no(Code.PIN_MISMATCH, call.pin, call.model)
        return self._settle_open(operation, till)

    def _settle_open(self, operation: Settle, till: Till) -> Result:
        call = till.call
        self.callers.join(operation.tenant, till)
        lower = till.is_lower(operation.total, operation.weight)
        if lower and operation.corrects_usage:
            self._report(operation, till, corrects=True)
        else:
            self._report(operation, till)
        call.digest, call.times = operation.digest, operation.times
        self._close(self._key(operation), call, operation.outcome)
        return self._answer(operation, call)

    def _end(self, operation: End) -> Result:
        call = self._call(operation)
        if call is None:
            return no(Code.CALL_MISSING)
        if call.state not in (State.EXPIRED, State.SETTLED):
            call.ended = True
        return self._answer(operation, call, known=1)

    def _report(
        self, operation: Authorize | Charge | Settle, till: Till, corrects: bool = False
    ) -> None:
        accept = till.correct if corrects else till.report
        accept(
            operation.total,
            operation.weight,
            operation.usage,
            operation.elapsed_ms,
            operation.free_ms,
        )
        tenant = operation.tenant
        if till.spend != self._spent(tenant, till.today):
            self.spend.setdefault(till.today, {})[tenant] = till.spend
        if till.moved:
            self._cross(tenant, till.account, till.shortest, till)

    def _release(self, tenant: str, call: Call) -> None:
        account = self.accounts[tenant]
        account.reserved -= call.reserved
        caller = self.callers.joined(tenant, call)
        if caller is not None:
            caller.hold(-call.reserved)
        call.reserved = 0
        if call.counted:
            account.active_calls -= 1
            call.counted = False

    def _close(self, key: Key, call: Call, outcome: int) -> None:
        self._release(key[0], call)
        call.state = State.SETTLED
        call.outcome = outcome
        self.n += 1
        call.n = self.n
        self.outbox.append(settled_entry(key, call, self.now_ms))
        self.records[key] = call
        self.leases[key] = self.now_ms + self.config.retention_ms

    # Sweep, Debit, Confirm

    def _sweep(self, operation: Sweep) -> Result:
        key = self._key(operation)
        record = self.records.get(key)
        if key in self.callers.kept:
            return Simple(Code.OK, self._sweep_caller(key))
        if record is None:
            self.leases.pop(key, None)
            return Simple(Code.OK, SweepDeed.FORGOTTEN)
        if isinstance(record, DebitRecord) or record.state is State.SETTLED:
            return Simple(Code.OK, self._sweep_done(key, record))
        if record.state is State.EXPIRED:
            return Simple(Code.OK, self._sweep_expired(key, record))
        return Simple(Code.OK, self._sweep_open(key, record))

    def _sweep_caller(self, key: Key) -> SweepDeed:
        if self.callers.counts(key, self.dates):
            self.leases[key] = self.now_ms + DAY_MS
            return SweepDeed.RESCHEDULED
        del self.callers.kept[key], self.leases[key]
        return SweepDeed.FORGOTTEN

    def _sweep_open(self, key: Key, call: Call) -> SweepDeed:
        due_ms = call.lease_until_ms + self.config.grace_ms
        if self.now_ms < due_ms:
            self.leases[key] = due_ms
            return SweepDeed.RESCHEDULED
        self._release(key[0], call)
        call.state = State.EXPIRED
        self.leases[key] = self.now_ms + self.config.late_window_ms
        return SweepDeed.EXPIRED

    def _sweep_expired(self, key: Key, call: Call) -> SweepDeed:
        if self.now_ms < self.leases[key]:
            return SweepDeed.RESCHEDULED
        self._close(key, call, INCOMPLETE)
        return SweepDeed.CLOSED

    def _sweep_done(self, key: Key, record: Record) -> SweepDeed:
        if record.confirmed and self.leases[key] <= self.now_ms:
            del self.records[key]
            self.leases.pop(key, None)
            return SweepDeed.FORGOTTEN
        self.leases[key] = self.now_ms + self.config.retention_ms
        return SweepDeed.RESCHEDULED

    def _debit(self, operation: Debit) -> Result:
        key = self._key(operation)
        account = self.accounts[operation.tenant]
        kept = self.records.get(key)
        if kept is not None:
            assert isinstance(kept, DebitRecord)
            same = (kept.amount, kept.digest) == (operation.amount, operation.digest)
            return Simple(Code.OK, kept.n, account.balance) if same else no(Code.KEY_REUSED)
        if account.available < operation.amount and not operation.partial:
            return no(Code.INSUFFICIENT)
        taken = min(operation.amount, max(0, account.available))
        account.balance -= taken
        account.unposted += taken
        self.n += 1
        n = self.n
        digest, note = operation.digest, operation.note
        self.outbox.append(DebitedEntry(n, *key, self.now_ms, taken, digest, note))
        self.records[key] = DebitRecord(operation.amount, taken, operation.digest, n)
        self.leases[key] = self.now_ms + self.config.retention_ms
        self._cross(operation.tenant, account, shortest=1, till=None)
        return Simple(Code.OK, n, account.balance)

    def _confirm(self, operation: Confirm) -> Result:
        if operation.n <= self.posted:
            return DONE
        if operation.n > min(self.posted + 1, self.n):
            return no(Code.OUTDATED)
        self.posted = operation.n
        self.outbox = [entry for entry in self.outbox if entry.n > self.posted]
        if operation.key and operation.verdict != Verdict.ASIDE:
            record = self._confirmed_record(operation)
            self._confirm_money(operation, record)
            if record is not None:
                record.confirmed = True
                self.leases[self._key(operation)] = self.now_ms + self.config.retention_ms
        return DONE

    def _confirmed_record(self, operation: Confirm) -> Record | None:
        """The record that the entry was about, when it is still there and can be read."""
        key = self._key(operation)
        record = self.records.get(key)
        if key in self.unreadable or record is None or record.n != operation.n:
            return None
        return record

    def _confirm_money(self, operation: Confirm, record: Record | None) -> None:
        account = self.accounts.get(operation.tenant)
        readable = (operation.tenant, "") not in self.unreadable
        self._note_damage(operation, readable, record)
        if account is None or not readable:
            return
        account.unposted -= operation.amount
        if operation.verdict == Verdict.POSTED:
            self.ledger[operation.tenant] -= operation.amount
            return
        account.balance += operation.amount
        if isinstance(record, Call):
            self._return_spend(operation.tenant, record)

    def _note_damage(self, operation: Confirm, readable: bool, record: Record | None) -> None:
        """What `unposted` will be off by once an unreadable record is healed: the audit's work."""
        off = 0
        if record is not None and not readable:
            off = operation.amount
        elif record is None and readable:
            off = -operation.amount
        self.damage[operation.tenant] = self.damage.get(operation.tenant, 0) + off

    def _return_spend(self, tenant: str, call: Call) -> None:
        for day, micros in call.spend_by_day.items():
            if day in self.dates and micros:
                spent = self.spend.setdefault(day, {})
                spent[tenant] = spent.get(tenant, 0) - micros
                caller = self.callers.joined(tenant, call)
                if caller is not None:
                    caller.pay(day, -micros)

    # The outbox

    def _write_crossing(self, tenant: str, event: Event, value: int, line: int) -> None:
        self.n += 1
        self.outbox.append(CrossingEntry(self.n, tenant, event, self.now_ms, value, line))

    def _cross(self, tenant: str, account: Account, shortest: int, till: Till | None) -> None:
        threshold = account.low_balance_threshold
        if threshold != NONE and account.balance < threshold and not account.low_sent:
            account.low_sent = True
            self._write_crossing(tenant, Event.LOW_BALANCE, account.balance, threshold)
        if account.balance + account.credit_limit < shortest and not account.exhausted_sent:
            account.exhausted_sent = True
            limit = account.credit_limit
            self._write_crossing(tenant, Event.BALANCE_EXHAUSTED, account.balance, limit)
        cap = account.daily_cap
        if till is None or cap == NONE or account.cap_sent_on == till.today:
            return
        if account.cap_sent_on:
            self._tell_lifted(tenant, account, till.spend)
        if cap - till.spend < shortest:
            account.cap_sent_on = till.today
            self._write_crossing(tenant, Event.DAILY_CAP_REACHED, till.spend, cap)

    # Answers

    def _answer(
        self,
        operation: Timely | End,
        call: Call,
        reason: Reason = Reason.NONE,
        short: bool = False,
        known: int = 0,
    ) -> CallResult:
        account = self.accounts[operation.tenant]
        day = None if isinstance(operation, End) else operation.day
        today = self._today(day) if day else ""
        spent = self._spent(operation.tenant, today)
        caller = self.callers.joined(operation.tenant, call)
        till = Till(self.config, account, call, today, spent, caller)
        hang_up = reason or isinstance(operation, End)
        directive = Directive.HANG_UP if hang_up else till.directive(short)
        left_ms = 0 if directive is Directive.HANG_UP else till.left_ms
        return CallResult(
            code=Code.OK,
            reason=reason,
            directive=directive,
            state=call.state,
            reserved=call.reserved,
            left_ms=left_ms,
            valid_for_ms=min(self.config.lease_ms, left_ms),
            rated=call.rated,
            charged=call.charged,
            overrun=call.overrun,
            n=call.n,
            pin=call.pin,
            usage=call.usage,
            known=known,
            available=account.available if reason else 0,
            reserved_by_others=account.reserved - call.reserved if reason else 0,
            daily_cap=account.daily_cap if reason else 0,
            spend_today=spent if reason else 0,
            day_end_ms=self._day_end_ms(day) if reason and day else 0,
            outcome=call.outcome,
            spend_by_day=days_of(call) if call.state is State.SETTLED else (),
            model=call.model,
            guard=self._guard(operation, reason, call) if reason else (),
        )

    def _look_account(self, operation: LookAccount) -> Result:
        tenant = operation.tenant
        spend = [(day, self._spent(tenant, day)) for day in self.dates]
        return account_view(self.accounts[tenant], spend, self.posted)

    def _look_call(self, operation: LookCall) -> Result:
        call = self._call(operation)
        return no(Code.CALL_MISSING) if call is None else call_view(call)

    def _look_grant(self, operation: LookGrant) -> Result:
        """A heartbeat on copies."""
        call = self._call(operation)
        if call is None:
            return no(Code.CALL_MISSING)
        if call.state in (State.EXPIRED, State.SETTLED):
            return self._answer(operation, call, known=1)
        account = self.accounts[operation.tenant]
        self.accounts[operation.tenant], call = replace(account), replace(call)
        try:
            self.callers.copy()
            till = self._till(operation, call)
            self.callers.join(operation.tenant, till)
            short = False if call.refused else till.extend()
            return self._answer(operation, call, short=short, known=1)
        finally:
            self.accounts[operation.tenant] = account
            self.callers.begin()

    # What must hold

    def _bounds(self, operation: Operation) -> tuple[int, ...]:
        """Available, cap room and callers' rooms as of the tenant's running day, never above 0."""
        tenant = operation.tenant
        account = self.accounts.get(tenant) if isinstance(tenant, str) else None
        if account is None:
            return 0, 0, 0
        today = self._last_today.get(tenant, "")
        if isinstance(operation, Authorize | Charge | Settle) and bad_field(operation) is None:
            today = self._last_today[tenant] = self._today(operation.day)
        held = self._spent(tenant, today) + account.reserved
        cap_room = 0 if account.daily_cap == NONE else account.daily_cap - held
        return (
            min(0, account.available),
            min(0, cap_room),
            self.callers.bound(tenant, account, today),
        )

    def _watch_bounds(self, operation: Operation, before: tuple[int, ...]) -> None:
        """Only a lowering, a repair or a load may break a bound, or break it further."""
        if isinstance(operation, Apply | Repair | Load) or self.callers.joins:
            return
        after = self._bounds(operation)
        if any(now < earlier for now, earlier in zip(after, before, strict=True)):
            self.breaches.append(f"{operation} broke a bound: {before} became {after}")
