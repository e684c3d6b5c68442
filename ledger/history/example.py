"""An example of a tenant's past: who it is, and what was paid and used on which day."""

from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.entry import SettledCall
from ledger.price_book import price_book
from ledger.pricing.meter import ANALYTICS_REPORTS
from ledger.rating import rate
from ledger.tariff import Tariff

MODEL = "generic-assistant"
COMPLETED, INBOUND = 1, 1
# The built-in price book rounds to this: what it makes of a token, of hearing and of speaking.
UNIT_MICROS = 1_000
TOKENS_PER_UNIT, HEARD_MS_PER_UNIT, SPOKEN_MS_PER_UNIT = 200, 10_000, 4_000
FEE_UNITS = 2
FIRST_CALL = timedelta(hours=9)
BUSINESS_HOURS = timedelta(hours=11)
REPORTS_ONLY_MS = 5_000


class TopUp(NamedTuple):
    """Money that came at a moment."""

    at: datetime
    amount_micros: int
    provider: str


class Charges(NamedTuple):
    """A day's calls and what they used. With `reports` each is nothing but so many reports."""

    day: date
    calls: int
    spent_micros: int
    tokens: int
    analytics: bool = False
    reports: int = 0


class Example(NamedTuple):
    """A past, in the order in which it happened; the days are of the time zone."""

    name: str
    tenant_name: str
    time_zone: str
    month: str
    events: tuple[TopUp | Charges, ...]


def share(total: int, weights: list[int]) -> list[int]:
    """The total in whole parts proportional to the weights; they add up to it."""
    whole, parts, given = sum(weights), [], 0
    passed = 0
    for weight in weights:
        passed += weight
        parts.append(total * passed // whole - given)
        given += parts[-1]
    return parts


def calls_of(example: Example, charges: Charges, tenant: str, first_n: int) -> list[SettledCall]:
    """The day's calls, rated by the built-in price book; their costs add up to the day's."""
    random = Random(f"{example.name} {charges.day}")  # the same calls whenever it is made
    tariff = price_book()
    usages = _reports(charges) if charges.reports else _conversations(charges, random)
    midnight = datetime.combine(charges.day, datetime.min.time(), ZoneInfo(example.time_zone))
    calls = [
        _call(
            f"{charges.day:%Y%m%d}-{place + 1:03d}",
            midnight + FIRST_CALL + BUSINESS_HOURS * place / charges.calls,
            charges,
            usage,
            f"+7495555{random.randint(0, 9999):04d}",
            tariff,
        )._replace(tenant=tenant, n=first_n + place)
        for place, usage in enumerate(usages)
    ]
    assert sum(call.charged_micros for call in calls) == charges.spent_micros
    return calls


def _reports(charges: Charges) -> list[dict[str, int]]:
    return [{ANALYTICS_REPORTS: charges.reports}] * charges.calls


def _conversations(charges: Charges, random: Random) -> list[dict[str, int]]:
    token_units = charges.tokens // TOKENS_PER_UNIT
    fees = FEE_UNITS * charges.calls if charges.analytics else 0
    audio_units = charges.spent_micros // UNIT_MICROS - token_units - fees
    weights = [random.randint(60, 140) for _ in range(charges.calls)]
    tokens, audio = share(token_units, weights), share(audio_units, weights)
    return [
        _conversation(tokens[place] * TOKENS_PER_UNIT, audio[place])
        for place in range(charges.calls)
    ]


def _conversation(tokens: int, audio_units: int) -> dict[str, int]:
    """Hearing and speaking take about the same time, and speaking costs two and a half times."""
    heard = audio_units * 2 // 7
    return {
        "llm_input_tokens": tokens * 16 // 25,
        "llm_output_tokens": tokens - tokens * 16 // 25,
        "stt_ms": heard * HEARD_MS_PER_UNIT,
        "tts_ms": (audio_units - heard) * SPOKEN_MS_PER_UNIT,
    }


def _call(
    call_id: str,
    answered_at: datetime,
    charges: Charges,
    usage: dict[str, int],
    caller: str,
    tariff: Tariff,
) -> SettledCall:
    rated = rate(tariff.models[MODEL], usage, charges.analytics)
    elapsed_ms = max(usage.get("stt_ms", 0) + usage.get("tts_ms", 0), REPORTS_ONLY_MS)
    ended_at = answered_at + timedelta(milliseconds=elapsed_ms)
    return SettledCall(
        n=0,
        tenant="",
        call_id=call_id,
        model=MODEL,
        tariff=tariff.name,
        tariff_version=tariff.version,
        analytics=charges.analytics,
        caller=caller,
        callee="+74955550100",
        direction=INBOUND,
        assistant_id="reception",
        authorized_at=answered_at - timedelta(seconds=4),
        started_at=answered_at - timedelta(seconds=4),
        answered_at=answered_at,
        ended_at=ended_at,
        settled_at=ended_at,
        outcome=COMPLETED,
        elapsed_ms=elapsed_ms,
        usage=usage,
        cost=rated.components,
        rated_micros=rated.total_micros,
        charged_micros=rated.total_micros,
        overrun_micros=0,
        spend_by_day=((f"{charges.day:%Y%m%d}", rated.total_micros),),
        settle_digest=b"",
    )
