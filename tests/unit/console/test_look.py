"""Figures as people write them, and where the bars of a chart go."""

from datetime import UTC, datetime

import pytest

from server.console.look.chart import bar_chart
from server.console.look.formats import Formats

EN = Formats("en", "America/New_York", "USD")
RU = Formats("ru", "Europe/Moscow", "USD")
SIZE = {"width": 760, "height": 250, "left": 50, "every": 2}


@pytest.mark.parametrize(
    ("micros", "english", "russian"),
    [
        (142_500_000, "$142.50", "142,50 $"),
        (0, "$0.00", "0,00 $"),
        (67_888, "$0.07", "0,07 $"),
        (5_000, "$0.01", "0,01 $"),
        (4_999, "$0.00", "0,00 $"),
        (-1_234_567_890, "-$1,234.57", "-1 234,57 $"),
    ],
)
def test_money(micros: int, english: str, russian: str) -> None:
    assert EN.money(micros) == english
    assert RU.money(micros).replace("\xa0", " ") == russian


def test_money_with_the_decimals_that_it_needs() -> None:
    assert EN.fine_money(45_200) == "$0.0452"
    assert EN.fine_money(1_000_000) == "$1.00"
    assert EN.small_money(45_200) == "$0.0452"
    assert EN.small_money(0) == "$0.0000"
    assert EN.short_money(20_000_000) == "$20"
    assert RU.money(1_000_000, "RUB").replace("\xa0", " ") == "1,00 ₽"


def test_what_is_paid_has_the_decimals_of_its_currency_and_words_stand_apart() -> None:
    english, russian = Formats("en", "UTC", "USD"), Formats("ru", "UTC", "USD")
    assert english.paid(231_142, "RUB") == "RUB\xa02,311.42"
    assert russian.paid(231_142, "RUB") == "2\xa0311,42\xa0₽"
    assert english.paid(1_000, "JPY") == "¥1,000"
    assert english.exact("92.456700001") == "92.456700001"
    assert russian.exact("92.4567") == "92,4567"


def test_days_and_moments_are_the_tenants() -> None:
    moment = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
    assert RU.time(moment) == "00:30"
    assert EN.time(moment).replace("\u202f", " ") == "5:30 PM"
    assert "13" in RU.moment(moment)
    assert RU.month("2026-03") == "Март 2026"
    assert EN.month("2026-03") == "March 2026"
    assert RU.day("2026-03-12").replace("\u202f", " ") == "12 марта 2026 г."
    assert EN.short_day("2026-03-12") == "Mar 12"


def test_lengths() -> None:
    assert [EN.clock(seconds) for seconds in (-1, 9, 245, 3_609)] == [
        "0:00",
        "0:09",
        "4:05",
        "1:00:09",
    ]


def test_the_highest_bar_fits_below_the_scale_and_empty_days_have_none() -> None:
    chart = bar_chart([0, 3_000_000, 4_100_000], None, **SIZE)
    heights = [bar.height for bar in chart.bars]
    assert heights[0] == 0
    assert heights[1] < heights[2]
    assert chart.ticks[0].value == 0
    assert chart.ticks[-1].value == 5_000_000
    assert all(bar.y >= chart.ticks[-1].y for bar in chart.bars)
    assert chart.whole


def test_a_limit_near_the_bars_is_drawn_and_one_far_above_is_not() -> None:
    near = bar_chart([4_000_000], 5_000_000, **SIZE)
    assert near.limit_y is not None
    assert near.limit_y < near.bars[0].y
    assert bar_chart([4_000_000], 100_000_000, **SIZE).limit_y is None


def test_a_month_without_spend_has_a_scale_still() -> None:
    assert len(bar_chart([0] * 31, None, **SIZE).ticks) > 1


@pytest.mark.parametrize(
    ("micros", "english", "russian"),
    [
        (100_000_000, "9,250\xa0₽", "9\xa0250\xa0₽"),
        (-500_000, "46.25\xa0₽", "46,25\xa0₽"),
        (45_200, "4.18\xa0₽", "4,18\xa0₽"),
        (0, "0.00\xa0₽", "0,00\xa0₽"),
    ],
)
def test_amounts_are_compared_with_roubles(micros: int, english: str, russian: str) -> None:
    assert Formats("en", "UTC", "USD").roubles(micros, "92.5") == english
    assert Formats("ru", "UTC", "USD").roubles(micros, "92.5") == russian


def test_what_an_amount_does_to_a_balance_has_its_sign() -> None:
    english, russian = Formats("en", "UTC", "USD"), Formats("ru", "UTC", "USD")
    assert [english.signed_money(n) for n in (100_000_000, -500_000, 0)] == [
        "+$100.00",
        "−$0.50",
        "$0.00",
    ]
    assert russian.signed_money(-500_000) == "−0,50\xa0$"
