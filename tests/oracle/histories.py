"""Seeded random histories of one shard, shaped so that every rule is met often.

The generator runs an oracle beside it to know the state it reaches; the history it returns is
plain data and can be cut down and replayed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from quota.decision import State
from quota.operation import (
    MAX_AMOUNT_MICROS,
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
    debit_key,
)
from quota.outbox import (
    CrossingEntry,
    DebitedEntry,
    OutboxEntry,
    SettledEntry,
    UnreadableEntry,
)
from tests.oracle.form import rule
from tests.oracle.guards import caller_of
from tests.oracle.records import Account, Call, Caller, Config
from tests.oracle.shard import INCOMPLETE, Key, OracleShard

START_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


# Few callers, so that calls of one meet; the last three: outbound, without a number, of no form.
PARTIES = [b"1\x00+1555\x00+1", b"1\x00+1555\x00+2", b"0\x00+1777\x00+1"]
PARTIES += [b"2\x00+1555\x00+1", b"1\x00\x00+1", b"\x03\xff"]


class Batch(NamedTuple):
    """What reaches the store at one moment, and what breaks or heals just before."""

    now_ms: int
    dates: tuple[str, str, str]
    operations: tuple[Operation, ...]
    spoil: tuple[Key, ...] = ()
    heal: tuple[Key, ...] = ()


class History(NamedTuple):
    """A whole history; `seed` makes it again."""

    seed: int
    config: Config
    batches: tuple[Batch, ...]

    @property
    def tenants(self) -> list[str]:
        """Everyone who is named."""
        return sorted({o.tenant for o in self.operations if isinstance(o.tenant, str)})

    @property
    def operations(self) -> list[Operation]:
        """All operations in order."""
        return [operation for batch in self.batches for operation in batch.operations]

    @property
    def call_keys(self) -> list[Key]:
        """Every call that is named."""
        return sorted(
            {
                (o.tenant, o.call_id)
                for o in self.operations
                if isinstance(o, Authorize | Charge | Settle | End | LookCall | LookGrant)
                and isinstance(o.tenant, str)
                and isinstance(o.call_id, str)
            }
        )


def date_of(ms: int) -> str:
    """The UTC date of a moment, YYYYMMDD."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%d")


def dates_around(ms: int) -> tuple[str, str, str]:
    """Yesterday, today and tomorrow in UTC: every zone's running day is among them."""
    return date_of(ms - DAY_MS), date_of(ms), date_of(ms + DAY_MS)


def day_at(ms: int, offset_hours: int) -> Day:
    """The running day of a zone."""
    local = datetime.fromtimestamp(ms / 1000, UTC) + timedelta(hours=offset_hours)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    end_ms = int(midnight.timestamp() * 1000) - offset_hours * HOUR_MS
    return Day(local.strftime("%Y%m%d"), end_ms, midnight.strftime("%Y%m%d"))


@dataclass
class Line:
    """A phone line on which one call after the other may run, and its price."""

    tenant: str
    call_id: str
    model: str
    pin: str
    parties: bytes
    fee: int
    burn: int
    free_ms: int
    assistant_id: str = "desk"
    calls: int = 0


class Generator:
    """Makes one history from one seed."""

    def __init__(self, seed: int, length: int = 100) -> None:
        self.seed = seed
        self.length = length
        self.random = Random(seed)
        self.config = self._config()
        self.oracle = OracleShard(self.config)
        self.now_ms = START_MS + self.random.randrange(DAY_MS)
        self.zones = {"anna": 0, "bert": -8, "cleo": 9}
        if self.random.random() < 0.4:
            del self.zones["cleo"]
        self.scale = self.random.choice([1, 10, 1_000])
        self.lines = [self._line(number) for number in range(8)]
        self.tail: dict[int, Confirm] = {}
        self.dates = dates_around(self.now_ms)

    def history(self) -> History:
        """Batches until the length is reached."""
        batches: list[Batch] = []
        done = 0
        while done < self.length:
            size = min(self.random.randint(1, 20), self.length - done)
            batches.append(self._batch(size, first=not batches))
            done += size
        return History(self.seed, self.config, tuple(batches))

    # The setting

    def _config(self) -> Config:
        pick = self.random.choice
        return Config(
            lease_ms=pick([60_000, 20_000]),
            late_window_ms=pick([3_600_000, 120_000]),
            retention_ms=pick([600_000, 30_000]),
            reserve_ms=pick([60_000, 60_000, 7_001]),
            low_water_ms=pick([20_000, 20_000, 3_333]),
            min_start_ms=pick([10_000, 10_000, 3_333]),
            max_outbox=pick([1_000, 1_000, 1_000, 4]),
        )

    def _line(self, number: int) -> Line:
        pick = self.random.choice
        tenant = list(self.zones)[number % len(self.zones)]
        kind = self.random.random()
        burn = 0 if kind < 0.15 else self.scale * self.random.randint(1, 40)
        fee = 0 if kind < 0.1 else pick([0, 0, self.scale * self.random.randint(1, 300)])
        return Line(
            tenant=tenant,
            call_id=f"call-{number}",
            model=pick(["omni", "mini"]),
            pin=pick(["tariff@1", "tariff@2"]),
            parties=pick(PARTIES),
            fee=fee,
            burn=burn,
            free_ms=pick([3_000, 3_000, 0]),
        )

    def _money(self, most_seconds: int = 200) -> int:
        """An amount that a few reservations use up."""
        return self.scale * self.random.randint(0, most_seconds * 10)

    def _edge(self, usual: int, *edges: int) -> int:
        """Sometimes an amount that lands on a bound to the micro, or one beside it."""
        if self.random.random() > 0.12 or not edges:
            return usual
        amount = self.random.choice(edges) + self.random.choice([-1, 0, 0, 1])
        return min(max(0, amount), MAX_AMOUNT_MICROS)

    def _limit(self, chance: float, most_seconds: int) -> int:
        return self._money(most_seconds) if self.random.random() < chance else NONE

    # Time and batches

    def _batch(self, size: int, first: bool) -> Batch:
        if not first:
            self._pass_time()
        spoil, heal = self._damage()
        operations = []
        for position in range(size):
            opening = first and position < len(self.zones) and self.random.random() < 0.9
            tenant = list(self.zones)[position % len(self.zones)]
            operation = self._load(tenant) if opening else self._any()
            operations.append(operation)
            self.oracle.apply([operation], self.now_ms, self.dates)
        self._note_entries()
        return Batch(self.now_ms, self.dates, tuple(operations), spoil, heal)

    def _pass_time(self) -> None:
        pick = self.random.random()
        if pick < 0.45:
            self.now_ms += self.random.randint(0, 8_000)
        elif pick < 0.6:
            self.now_ms += self.random.randint(8_000, 100_000)
        elif pick < 0.8 and self.oracle.leases:
            leases = self.oracle.leases
            silent = [due_ms for key, due_ms in leases.items() if self._holds(key)]
            due_ms = self.random.choice(silent or list(leases.values()))
            self.now_ms = max(self.now_ms, due_ms + self.random.choice([-1, 0, 1]))
        elif pick < 0.92:
            zone = self.random.choice(list(self.zones.values()))
            end_ms = day_at(self.now_ms, zone).day_end_ms
            self.now_ms = max(self.now_ms, end_ms + self.random.choice([-5_000, -1, 0, 1]))
        else:
            self.now_ms += self.random.choice([HOUR_MS, DAY_MS, 3 * DAY_MS])
        self.dates = dates_around(self.now_ms)

    def _damage(self) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
        unreadable = self.oracle.unreadable
        heal = tuple(key for key in sorted(unreadable) if self.random.random() < 0.8)
        spoil: tuple[Key, ...] = ()
        if self.random.random() < 0.04:
            keys = [(tenant, "") for tenant in self.oracle.accounts] + list(self.oracle.records)
            spoil = tuple(
                self.random.sample(keys, 1) if keys and not unreadable else (),
            )
        unreadable -= set(heal)
        unreadable |= set(spoil)
        return spoil, heal

    def _note_entries(self) -> None:
        for entry in self.oracle.outbox:
            if entry.n not in self.tail:
                verdict = self.random.choices(list(Verdict), [80, 10, 10])[0]
                key, amount = _posting_of(entry)
                self.tail[entry.n] = Confirm(entry.tenant, key, entry.n, amount, int(verdict))

    # Operations

    def _any(self) -> Operation:
        weighted: list[tuple[Callable[[], Operation], int]] = [
            (self._authorize, 20),
            (self._charge, 30),
            (self._settle, 11),
            (self._sweep, 10),
            (self._confirm, 8),
            (self._apply, 7),
            (self._debit, 4),
            (self._end, 1),
            (self._repair, 2),
            (lambda: self._load(self._tenant()), 1),
            (lambda: LookAccount(self._tenant()), 2),
            (lambda: LookCall(self._tenant(), self._line_pick().call_id), 2),
            (self._look_grant, 3),
        ]
        tenant = self._tenant()
        if tenant not in self.oracle.accounts and self.random.random() < 0.3:
            return self._load(tenant)
        makers, weights = zip(*weighted, strict=True)
        operation: Operation = self.random.choices(makers, weights)[0]()
        if isinstance(operation, Charge | Settle) and self.random.random() < 0.6:
            operation = self._start_instead(operation)
        return self._malform(operation) if self.random.random() < 0.03 else operation

    def _start_instead(self, operation: Charge | Settle) -> Operation:
        """Nobody holds the call: mostly a call begins."""
        missing = (operation.tenant, operation.call_id) not in self.oracle.records
        return self._authorize() if missing else operation

    def _tenant(self) -> str:
        return self.random.choice(list(self.zones))

    def _account(self, tenant: str) -> Account | None:
        return self.oracle.accounts.get(tenant)

    def _line_pick(self) -> Line:
        """Mostly a line whose call is open, or was closed without its gateway."""
        held = [line for line in self.lines if self._open(line) or self._incomplete(line)]
        return self.random.choice(held if held and self.random.random() < 0.75 else self.lines)

    def _record(self, line: Line) -> Call | None:
        record = self.oracle.records.get((line.tenant, line.call_id))
        return record if isinstance(record, Call) else None

    def _open(self, line: Line) -> bool:
        record = self._record(line)
        return record is not None and record.state is not State.SETTLED

    def _incomplete(self, line: Line) -> bool:
        record = self._record(line)
        return record is not None and record.outcome == INCOMPLETE

    def _day(self, tenant: str) -> Day:
        """The day as a caller sees it: often a little behind, seldom days behind."""
        behind = self.random.choices([0, 2_000, 5 * DAY_MS], [80, 20, 1])[0]
        return day_at(self.now_ms - behind, self.zones[tenant])

    def _profile_version(self, tenant: str) -> int:
        account = self._account(tenant)
        version = account.profile_version if account else 1
        return version + 1 if self.random.random() < 0.02 else version

    def _rarely(self, chance: float, other: str, usual: str) -> str:
        return other if self.random.random() < chance else usual

    def _load(self, tenant: str) -> Load:
        overdrawn = self.random.random() < 0.1
        usual = -self._money(20) if overdrawn else self._money(400)
        brimful = MAX_BALANCE_MICROS - MAX_AMOUNT_MICROS + self.random.choice([-1, 0, 1])
        today = day_at(self.now_ms, self.zones[tenant]).day
        return Load(
            tenant=tenant,
            version=self.random.randint(1, 9),
            balance=brimful if self.random.random() < 0.02 else usual,
            credit_limit=self.random.choice([0, 0, self._money(50)]),
            daily_cap=self._limit(0.5, 500),
            call_cost_limit=self._limit(0.3, 200),
            concurrent_calls=self.random.choice([NONE, NONE, 1, 2, 3]),
            low_balance_threshold=self._limit(0.6, 200),
            suspended=int(self.random.random() < 0.04),
            profile_version=1,
            profile="UTC tariff@1",
            spend_by_day=self.random.choice([(), ((today, self._money(30)), ("20250101", 7))]),
            **self._guards(),
        )

    def _apply(self) -> Apply:
        tenant = self._tenant()
        account = self._account(tenant)
        applied = account.version if account else 1
        step = self.random.choices([1, 0, -1, 2], [80, 8, 4, 8])[0]
        huge = account is not None and account.balance > MAX_BALANCE_MICROS // 2
        return Apply(
            tenant=tenant,
            version=max(0, applied + step),
            credit=MAX_AMOUNT_MICROS if huge else self._credit(account),
            has_settings=int(self.random.random() < 0.6),
            credit_limit=self.random.choice([0, 0, self._money(50)]),
            daily_cap=self._new_cap(account),
            call_cost_limit=self._limit(0.3, 200),
            concurrent_calls=self.random.choice([NONE, NONE, 0, 1, 2, 3]),
            low_balance_threshold=self._limit(0.6, 200),
            suspended=int(self.random.random() < 0.15),
            profile=self._rarely(0.15, "Asia/Tokyo tariff@2", ""),
            **self._guards(),
        )

    def _guards(self) -> dict[str, int]:
        if self.random.random() < 0.4:
            return {}
        return {
            "calls_per_minute": self.random.choice([NONE, NONE, 0, 1, 1, 2, 7, 60]),
            "caller_daily_limit": self._limit(0.6, 150),
            "call_length_limit_ms": self.random.choice([NONE, NONE, 0, 4_001, 45_000, 200_000]),
        }

    def _credit(self, account: Account | None) -> int:
        usual = self.random.choice([0, self._money(200)])
        if account is None:
            return usual
        to_threshold = account.low_balance_threshold - account.balance
        return self._edge(usual, to_threshold, -account.balance - account.credit_limit)

    def _new_cap(self, account: Account | None) -> int:
        """Often the old cap or a little more, so that it is crossed again on the same day."""
        if account is None or account.daily_cap == NONE or self.random.random() < 0.5:
            return self._limit(0.5, 500)
        return account.daily_cap + self.random.choice([0, self._money(50)])

    def _authorize(self) -> Authorize:
        line = self.random.choice(self.lines) if self.random.random() < 0.7 else self._line_pick()
        self._renew(line)
        unknown = self.random.random() < 0.04
        has_usage = self.random.random() < 0.25
        total, weight, usage = self._usage(line) if has_usage else (0, 0, b"")
        burn, fee = (0, 0) if unknown else (line.burn, line.fee)
        target = fee + -(-burn * self.config.reserve_ms // 1000)
        min_start = fee + -(-burn * self.config.min_start_ms // 1000)
        if target > 0:
            min_start = max(1, self._edge(min_start, *self._rooms(line)))
        return Authorize(
            tenant=line.tenant,
            call_id=line.call_id,
            profile_version=self._profile_version(line.tenant),
            day=self._day(line.tenant),
            pin=self._rarely(0.04, "tariff@9", line.pin),
            model=self._rarely(0.02, "else", line.model),
            parties=b"other" if self.random.random() < 0.02 else line.parties,
            assistant_id=line.assistant_id,
            target=max(target, min_start) if min_start < MAX_AMOUNT_MICROS else target,
            min_start=min_start,
            fee=fee,
            burn=burn,
            unknown_model=int(unknown),
            has_usage=int(has_usage),
            total=total,
            weight=weight,
            usage=usage,
            elapsed_ms=self._elapsed(line) if has_usage else NONE,
            free_ms=self._free_ms(line),
        )

    def _renew(self, line: Line) -> None:
        """After a settled call the next one of the line begins, mostly."""
        record = self._record(line)
        if record and record.state is State.SETTLED and self.random.random() < 0.6:
            line.calls += 1
            line.call_id = f"{line.call_id.partition('.')[0]}.{line.calls}"

    def _rooms(self, line: Line) -> list[int]:
        """What each bound of the tenant still lets a new call reserve."""
        account = self._account(line.tenant)
        if account is None:
            return []
        rooms = [account.available, account.call_cost_limit]
        if account.daily_cap != NONE:
            rooms.append(account.daily_cap - self._spent(line.tenant) - account.reserved)
        return rooms + self._caller_rooms(line, account)

    def _caller_rooms(self, line: Line, account: Account) -> list[int]:
        number = caller_of(line.parties)
        caller = self.oracle.callers.kept.get((line.tenant, f"#{number}"), Caller())
        if number is None or account.caller_daily_limit == NONE:
            return []
        today = day_at(self.now_ms, self.zones[line.tenant]).day
        return [account.caller_daily_limit - caller.spend.get(today, 0) - caller.reserved]

    def _spent(self, tenant: str) -> int:
        today = day_at(self.now_ms, self.zones[tenant]).day
        return self.oracle.spend.get(today, {}).get(tenant, 0)

    def _rises(self, line: Line) -> list[int]:
        """Rises of a total that land on a line which the tenant or the call may cross."""
        account, call = self._account(line.tenant), self._record(line)
        if account is None or call is None:
            return []
        shortest = max(1, -(-call.burn * self.config.min_start_ms // 1000))
        low = -(-call.burn * self.config.low_water_ms // 1000)
        funds = account.balance + account.credit_limit
        rises = [funds, funds - shortest, account.available + call.reserved]
        rises += [call.reserved, call.reserved - low]
        if account.low_balance_threshold != NONE:
            rises.append(account.balance - account.low_balance_threshold)
        if account.daily_cap != NONE:
            left = account.daily_cap - self._spent(line.tenant)
            rises += [left, left - shortest]
        return rises + [call.reserved + each for each in self._caller_rooms(line, account)]

    def _usage(self, line: Line) -> tuple[int, int, bytes]:
        """Total, weight and usage: rising, equal, falling, or only one of both numbers moving."""
        record = self._record(line)
        gross, weight = (record.gross, record.weight) if record else (0, 0)
        seconds = self.random.choice([1, 5, 5, 20, 90])
        rise = self.random.randint(0, max(1, line.burn) * seconds)
        if gross == 0:
            rise += line.fee
        rise = self._edge(rise, *self._rises(line))
        rise = MAX_AMOUNT_MICROS if self.random.random() < 0.002 else rise
        rise = min(rise, MAX_AMOUNT_MICROS - gross)
        kind = self.random.choices(["rise", "equal", "fall", "weight", "total"], [60, 12, 12, 8, 8])
        if kind == ["equal"]:
            return gross, weight, record.usage if record else b""
        if kind == ["fall"]:
            gross = max(0, gross - rise - 1) if self.random.random() < 0.8 else gross
            weight = max(0, weight - seconds)
        if kind in (["rise"], ["total"]):
            gross += rise
        if kind in (["rise"], ["weight"]):
            weight += seconds
        return gross, weight, f"{gross}:{weight}".encode()

    def _elapsed(self, line: Line) -> int:
        record = self._record(line)
        elapsed = max(0, record.elapsed_ms) if record else 0
        step = self.random.choice([0, 700, 2_300, 5_000, 5_001, 17_003, -1_000])
        return NONE if self.random.random() < 0.1 else max(0, elapsed + step)

    def _free_ms(self, line: Line) -> int:
        """Seldom another than the line's: a message of another tariff version."""
        other = self.random.random() < 0.06
        return self.random.choice([0, 1_000, 9_000]) if other else line.free_ms

    def _charge(self) -> Charge:
        line = self._line_pick()
        total, weight, usage = self._usage(line)
        return Charge(
            tenant=line.tenant,
            call_id=line.call_id,
            profile_version=self._profile_version(line.tenant),
            day=self._day(line.tenant),
            pin=self._rarely(0.02, "tariff@9", self._pin(line)),
            model=self._rarely(0.01, "else", line.model),
            total=total,
            weight=weight,
            usage=usage,
            elapsed_ms=self._elapsed(line),
            free_ms=self._free_ms(line),
        )

    def _look_grant(self) -> LookGrant:
        line = self._line_pick()
        version, day = self._profile_version(line.tenant), self._day(line.tenant)
        return LookGrant(line.tenant, line.call_id, version, day)

    def _pin(self, line: Line) -> str:
        record = self._record(line)
        return record.pin if record else line.pin

    def _settle(self) -> Settle:
        line = self._line_pick()
        total, weight, usage = self._usage(line)
        record = self._record(line)
        if record and self.random.random() < 0.3:
            total, weight = self.random.randint(0, record.gross), max(0, record.weight - 1)
            usage = f"{total}:{weight}".encode()
        return Settle(
            tenant=line.tenant,
            call_id=line.call_id,
            profile_version=self._profile_version(line.tenant),
            day=self._day(line.tenant),
            pin=self._rarely(0.03, "tariff@9", self._pin(line)),
            model=self._rarely(0.02, "else", line.model),
            total=total,
            weight=weight,
            usage=usage,
            elapsed_ms=self._elapsed(line),
            free_ms=self._free_ms(line),
            parties=b"other" if self.random.random() < 0.02 else line.parties,
            assistant_id=line.assistant_id,
            digest=self.random.choices([b"d1", b"d2"], [5, 1])[0],
            times=b"\x00\x01",
            outcome=self.random.randint(1, 5),
            corrects_usage=int(self.random.random() < 0.4),
            opens=int(self.random.random() < 0.4),
        )

    def _end(self) -> End:
        line = self._line_pick()
        return End(line.tenant, line.call_id)

    def _sweep(self) -> Sweep:
        """Mostly of what is due, calls that are not settled first."""
        due = [key for key, due_ms in self.oracle.leases.items() if due_ms <= self.now_ms]
        silent = [key for key in due if self._holds(key)]
        due = silent if silent and self.random.random() < 0.8 else due
        keys = list(self.oracle.leases)
        if due and self.random.random() < 0.7:
            return Sweep(*self.random.choice(due))
        if keys and self.random.random() < 0.9:
            return Sweep(*self.random.choice(keys))
        return Sweep(self._tenant(), "call-99")

    def _holds(self, key: Key) -> bool:
        record = self.oracle.records.get(key)
        return isinstance(record, Call) and record.state is not State.SETTLED

    def _debit(self) -> Debit:
        number = self.random.randint(1, 3)
        tenant = self._tenant()
        account = self._account(tenant)
        amount = self.scale * self.random.choice([1, 50, 400]) * number
        if account is not None:
            threshold = account.balance - account.low_balance_threshold
            amount = self._edge(amount, account.available, account.available, threshold)
        return Debit(
            tenant=tenant,
            key=debit_key(f"request-{number}"),
            amount=amount,
            digest=self.random.choices([b"x", b"y"], [9, 1])[0],
            note=b"\x90",
            partial=self.random.choices([0, 1], [3, 1])[0],
        )

    def _confirm(self) -> Confirm:
        """Mostly the next entry; sometimes a repeat or one that is too early."""
        step = self.random.choices([1, 0, 2], [85, 8, 7])[0]
        n = self.oracle.posted + step
        self._note_entries()
        if n in self.tail:
            return self.tail[n]
        return Confirm(self._tenant(), "", max(0, min(n, self.oracle.posted)), 0, 0)

    def _repair(self) -> Repair:
        tenant = self._tenant()
        account = self._account(tenant)
        live = account.balance + account.unposted if account else 0
        return Repair(
            tenant=tenant,
            version=account.version if account else 1,
            posted_n=self.oracle.posted + self.random.choices([0, 1], [5, 1])[0],
            live=live + self.random.choices([0, 1], [5, 1])[0],
            difference=self.random.choice([-1, 1]) * self._money(5),
        )

    def _malform(self, operation: Operation) -> Operation:
        """Makes one field what it must not be."""
        name = self.random.choice(operation._fields)
        wrong: list[object] = [None, -5, 1.5, float("nan"), float("inf"), "", "7", True]
        holds = rule(name)
        if isinstance(holds, partial):  # just outside its bounds
            wrong += [holds.keywords["low"] - 1, holds.keywords["high"] + 1]
        value = self.random.choice([value for value in wrong if not holds(value)])
        return operation._replace(**{name: value})  # type: ignore[arg-type]


def _posting_of(entry: OutboxEntry) -> tuple[str, int]:
    """Key and amount that the confirmation of an entry names."""
    match entry:
        case SettledEntry():
            return entry.call_id, entry.charged
        case DebitedEntry():
            return entry.key, entry.amount
        case CrossingEntry() | UnreadableEntry():
            return "", 0


def generate(seed: int, length: int = 100) -> History:
    """The history of this seed."""
    return Generator(seed, length).history()
