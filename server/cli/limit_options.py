"""The limits of a tenant on the command line: how they are typed and shown."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from server.cli import parsing
from server.cli.parsing import NO_LIMIT
from server.money import show
from tollgate.v1 import billing_pb2 as pb

LIMITS = {
    "daily_cap": ("daily_cap_micros", "daily cap"),
    "credit_limit": ("credit_limit_micros", "credit limit"),
    "concurrent_calls": ("concurrent_calls", "calls at once"),
    "calls_per_minute": ("calls_per_minute", "calls a minute"),
    "call_cost": ("call_cost_limit_micros", "cost per call"),
    "caller_cost": ("caller_daily_limit_micros", "cost per caller a day"),
    "call_length": ("call_length_limit_ms", "longest call"),
    "low_balance": ("low_balance_threshold_micros", "warned below"),
}


def _option(name: str, parser: Callable[[str], int], form: str, meaning: str) -> Any:
    """A limit that can be set and, with "none", removed."""
    return typer.Option(name, parser=parser, metavar=form, help=f"{meaning}, or none.")


Cap = Annotated[
    int | None, _option("--daily-cap", parsing.limit, "AMOUNT", "The most that a day may cost")
]
Credit = Annotated[
    int | None,
    _option("--credit-limit", parsing.limit, "AMOUNT", "How far below zero the balance may go"),
]
Concurrent = Annotated[
    int | None, _option("--concurrent-calls", parsing.count, "NUMBER", "The most calls at once")
]
PerCall = Annotated[
    int | None, _option("--call-cost", parsing.limit, "AMOUNT", "The most that one call may cost")
]
LowBalance = Annotated[
    int | None, _option("--low-balance", parsing.limit, "AMOUNT", "The balance to be warned below")
]
PerMinute = Annotated[
    int | None,
    _option(
        "--calls-per-minute", parsing.count, "NUMBER", "The most calls that may begin a minute"
    ),
]
PerCaller = Annotated[
    int | None,
    _option(
        "--caller-cost",
        parsing.limit,
        "AMOUNT",
        "The most that the calls of one caller may cost a day",
    ),
]
Length = Annotated[
    int | None,
    _option(
        "--call-length", parsing.length, "DURATION", "The longest that a call may last, like 30m"
    ),
]


def typed(**limits: int | None) -> dict[str, int]:
    """The limits that were given, by their field names; NO_LIMIT for none."""
    return {LIMITS[name][0]: value for name, value in limits.items() if value is not None}


def message(given: dict[str, int]) -> pb.Limits:
    """The limits that are to bound."""
    present: dict[str, Any] = {name: each for name, each in given.items() if each != NO_LIMIT}
    return pb.Limits(**present)


def limit_facts(tenant: pb.Tenant) -> list[tuple[str, str]]:
    """Every limit of a tenant, as people read it."""
    return [(label, _shown(tenant, name)) for name, label in LIMITS.values()]


def _shown(tenant: pb.Tenant, name: Any) -> str:
    value = getattr(tenant.limits, name)
    if name != "credit_limit_micros" and not tenant.limits.HasField(name):
        return "none"
    if name == "call_length_limit_ms":
        return f"{value / 1000:g} s"
    return show(value, tenant.currency) if name.endswith("_micros") else str(value)
