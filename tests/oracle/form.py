"""The form that each field of an operation must have."""

from collections.abc import Callable
from functools import partial

from quota.operation import MAX_AMOUNT_MICROS, MAX_BALANCE_MICROS, NONE, Operation

MAX_WHOLE = 2**53 - 1

BALANCES = frozenset({"balance"})
SUMS = frozenset({"live", "difference"})  # of two balances, or between them
LIMITS = frozenset(
    {"daily_cap", "call_cost_limit", "low_balance_threshold", "concurrent_calls", "elapsed_ms"}
    | {"caller_daily_limit", "call_length_limit_ms"}
)
AMOUNTS = frozenset(
    {"credit_limit", "credit", "target", "min_start", "fee", "burn", "total", "amount", "free_ms"}
)
FLAGS = frozenset(
    {"suspended", "has_settings", "unknown_model", "has_usage", "corrects_usage", "opens"}
    | {"partial"}
)
WHOLES = frozenset({"version", "profile_version", "weight", "n", "posted_n"})


def is_whole(value: object, low: int, high: int) -> bool:
    """Whether the value is a whole number in the range; 2.0 is one, True and "2" are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high and value == int(value)


def is_text(value: object) -> bool:
    """Texts and bytes are the same to the script."""
    return isinstance(value, str | bytes)


def is_day(value: object) -> bool:
    """A day, the end of it, and the day that follows."""
    if not isinstance(value, tuple) or len(value) != 3:
        return False
    day, day_end_ms, next_day = value
    return is_text(day) and is_whole(day_end_ms, 0, MAX_WHOLE) and is_text(next_day)


def is_spend(value: object) -> bool:
    """Pairs of a day and what was charged on it."""
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and is_text(pair[0])
        and is_whole(pair[1], 0, MAX_BALANCE_MICROS)
        for pair in value
    )


def rule(name: str) -> Callable[[object], bool]:
    """What a field of this name must be."""
    if name == "day":
        return is_day
    if name == "spend_by_day":
        return is_spend
    for names, low, high in (
        (BALANCES, -MAX_BALANCE_MICROS, MAX_BALANCE_MICROS),
        (SUMS, -2 * MAX_BALANCE_MICROS, 2 * MAX_BALANCE_MICROS),
        (LIMITS, NONE, MAX_AMOUNT_MICROS),
        ({"calls_per_minute"}, NONE, 10**6),
        (AMOUNTS, 0, MAX_AMOUNT_MICROS),
        (FLAGS, 0, 1),
        ({"outcome"}, 0, 255),
        ({"verdict"}, 0, 2),
        (WHOLES, 0, MAX_WHOLE),
    ):
        if name in names:
            return partial(is_whole, low=low, high=high)
    return is_text


_RULES: dict[type, tuple[tuple[str, Callable[[object], bool]], ...]] = {}


def bad_field(operation: Operation) -> str | None:
    """The first field that is not what it must be."""
    kind = type(operation)
    if kind not in _RULES:
        _RULES[kind] = tuple((name, rule(name)) for name in operation._fields)
    for value, (name, holds) in zip(operation, _RULES[kind], strict=True):
        if not holds(value):
            return name
    return None
