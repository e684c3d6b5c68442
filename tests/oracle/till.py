"""The money words of the rules page, for one call of one account at one moment."""

from dataclasses import dataclass

from quota.decision import Directive, State
from tests.oracle.records import Account, Call, Caller, Config

MAX_PACE = 10**10
PACE_KNOWN_AFTER_MS = 5_000
UNBOUNDED = 10**18


def ceil_div(numerator: int, denominator: int) -> int:
    """Rounds up."""
    return -(-numerator // denominator)


@dataclass
class Till:
    """Moves money of one call; `spend` is what the tenant was charged today so far."""

    config: Config
    account: Account
    call: Call
    today: str
    spend: int
    caller: Caller | None = None
    moved: bool = False

    # rooms

    @property
    def cap_room(self) -> int:
        """What the daily cap still lets through."""
        cap = self.account.daily_cap
        return UNBOUNDED if cap < 0 else cap - self.spend - self.account.reserved

    @property
    def call_room(self) -> int:
        """What the call's own cost limit still lets through."""
        limit = self.account.call_cost_limit
        return UNBOUNDED if limit < 0 else limit - self.call.charged - self.call.reserved

    @property
    def caller_room(self) -> int:
        """What the limit of the call's caller still lets through."""
        limit, caller = self.account.caller_daily_limit, self.caller
        if limit < 0 or caller is None:
            return UNBOUNDED
        return limit - caller.spend.get(self.today, 0) - caller.reserved

    @property
    def room(self) -> int:
        """What may still be reserved or charged; negative after a lowering."""
        return min(self.account.available, self.cap_room, self.call_room, self.caller_room)

    # moving

    def hold(self, amount: int) -> None:
        """Adds to the call's reservation; a negative amount gives back."""
        self.call.reserved += amount
        self.account.reserved += amount
        if self.caller is not None:
            self.caller.hold(amount)

    def pay(self, amount: int) -> None:
        """Takes from the balance and counts it as charged and as today's spend."""
        if amount == 0:
            return
        self.account.balance -= amount
        self.account.unposted += amount
        self.call.charged += amount
        self.spend += amount
        days = self.call.spend_by_day
        days[self.today] = days.get(self.today, 0) + amount
        if self.caller is not None:
            self.caller.pay(self.today, amount)
        self.moved = self.moved or amount > 0

    def take(self, rise: int) -> None:
        """Charges a rise: first the call's reservation, then the room; the rest is overrun."""
        held = min(rise, self.call.reserved)
        self.hold(-held)
        self.pay(held)
        more = max(0, min(rise - held, self.room))
        self.pay(more)
        self.call.overrun += rise - held - more
        self.call.rated += rise

    def is_higher(self, total: int, weight: int) -> bool:
        """Whether a report exceeds what is known of the call."""
        return (total, weight) > (self.call.gross, self.call.weight)

    def is_lower(self, total: int, weight: int) -> bool:
        """Whether a report falls below what is known of the call."""
        return (total, weight) < (self.call.gross, self.call.weight)

    def report(self, total: int, weight: int, usage: bytes, elapsed_ms: int, free_ms: int) -> None:
        """Accepts a report and charges what it adds."""
        call = self.call
        call.elapsed_ms = max(call.elapsed_ms, elapsed_ms)
        call.free_ms = free_ms
        if self.is_higher(total, weight):
            call.gross, call.weight, call.usage = total, weight, usage
        if self.effective > call.rated:
            self.take(self.effective - call.rated)

    def correct(self, total: int, weight: int, usage: bytes, elapsed_ms: int, free_ms: int) -> None:
        """Accepts a final report below the call's, and gives back what it takes off."""
        call = self.call
        call.elapsed_ms = max(call.elapsed_ms, elapsed_ms)
        call.free_ms = free_ms
        call.gross, call.weight, call.usage = total, weight, usage
        if self.effective > call.rated:  # the free period ended since the last report
            self.take(self.effective - call.rated)
        elif self.effective < call.rated:
            self.give_back(call.rated - self.effective)

    def give_back(self, difference: int) -> None:
        """Lowers overrun first, then charged; of today's spend only what this call spent today."""
        call = self.call
        off_overrun = min(difference, call.overrun)
        off_charged = difference - off_overrun
        call.overrun -= off_overrun
        call.charged -= off_charged
        self.account.unposted -= off_charged
        self.account.balance += off_charged
        spent_today = call.spend_by_day.get(self.today, 0)
        off_spend = min(off_charged, spent_today)
        if off_spend > 0:
            self.spend -= off_spend
            call.spend_by_day[self.today] = spent_today - off_spend
            if self.caller is not None:
                self.caller.pay(self.today, -off_spend)
        call.rated -= difference

    @property
    def effective(self) -> int:
        """The total that counts: nothing within the free period."""
        return 0 if self.call.elapsed_ms < self.call.free_ms else self.call.gross

    # outlook

    @property
    def pace(self) -> int:
        """What the call costs, in micros per second."""
        call = self.call
        if call.free:
            return 0
        known = call.elapsed_ms >= PACE_KNOWN_AFTER_MS and call.gross > call.fee
        pace = ceil_div((call.gross - call.fee) * 1000, call.elapsed_ms) if known else call.burn
        return min(pace, MAX_PACE)

    @property
    def outstanding(self) -> int:
        """What falls due when the free period ends."""
        call = self.call
        return max(call.gross, call.fee) - call.rated if call.elapsed_ms < call.free_ms else 0

    @property
    def ahead_ms(self) -> int:
        """How long the call may still go on by the limit of its length."""
        limit = self.account.call_length_limit_ms
        return UNBOUNDED if limit < 0 else max(0, limit - max(0, self.call.elapsed_ms))

    def cost_of(self, ms: int) -> int:
        """What so much of the time ahead costs."""
        return ceil_div(self.pace * min(ms, self.ahead_ms), 1000) + self.outstanding

    @property
    def low(self) -> int:
        """The low-water mark."""
        return self.cost_of(self.config.low_water_ms)

    @property
    def want(self) -> int:
        """What an extension fills the reservation up to."""
        return self.cost_of(self.config.reserve_ms)

    @property
    def left_ms(self) -> int:
        """How long the reservation lasts."""
        left_ms = self.config.lease_ms
        if self.pace:
            left_ms = max(0, self.call.reserved - self.outstanding) * 1000 // self.pace
        return min(left_ms, self.ahead_ms)

    @property
    def bounded(self) -> bool:
        """Whether nothing may be extended any more."""
        return (
            bool(self.account.suspended)
            or self.call.ended
            or self.account.available < 0
            or self.cap_room < 0
            or self.caller_room < 0
        )

    def extend(self) -> bool:
        """Fills the reservation up when it is low. True when that fell short."""
        if self.call.free or self.bounded or not self.ahead_ms:
            return False
        if self.call.reserved >= self.low:
            return False
        missing = self.want - self.call.reserved
        added = max(0, min(missing, self.room))
        self.hold(added)
        return added < missing

    def directive(self, short: bool = False) -> Directive:
        """What the gateway must do now."""
        call = self.call
        if call.state in (State.EXPIRED, State.SETTLED) or call.refused:
            return Directive.HANG_UP
        return max(self._by_money(short), self._by_length)

    @property
    def _by_length(self) -> Directive:
        if self.ahead_ms == 0:
            return Directive.HANG_UP
        if self.ahead_ms <= self.config.low_water_ms:
            return Directive.FINISH
        return Directive.WARN if self.ahead_ms < self.config.reserve_ms else Directive.CONTINUE

    def _by_money(self, short: bool) -> Directive:
        call = self.call
        if call.free and not call.ended and not self.account.suspended:
            return Directive.CONTINUE
        if call.ended or call.reserved == 0:
            return Directive.HANG_UP
        if self.bounded or call.reserved < self.low:
            return Directive.FINISH
        return Directive.WARN if short else Directive.CONTINUE

    @property
    def shortest(self) -> int:
        """Below this, what is left does not carry a start."""
        return max(1, ceil_div(self.pace * self.config.min_start_ms, 1000))
