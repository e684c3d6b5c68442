"""How amounts, durations and usage are typed."""

import pytest
import typer

from server.cli import parsing


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90", 90_000),
        ("1.5", 1_500),
        ("90s", 90_000),
        ("250ms", 250),
        ("1m30s", 90_000),
        ("1.5m", 90_000),
        ("2h", 7_200_000),
    ],
)
def test_a_duration_is_exact(text: str, milliseconds: int) -> None:
    assert parsing.duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "soon", "1x", "-1s", "1s 2s", "0.1ms", "1e3", "١s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a duration"):
        parsing.duration(text)


def test_usage_takes_durations_for_meters_in_ms() -> None:
    typed = ["llm_input_tokens=1200", "stt_ms=1m30s", "tts_ms=90000"]
    expected = {"llm_input_tokens": 1200, "stt_ms": 90_000, "tts_ms": 90_000}
    assert parsing.usage(typed) == expected


@pytest.mark.parametrize("text", ["tokens", "tokens=", "tokens=-1", "tokens=1s", "stt_ms=soon"])
def test_what_is_no_usage_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not meter=quantity"):
        parsing.usage([text])


def test_a_limit_may_be_none() -> None:
    assert parsing.limit("none") == parsing.NO_LIMIT
    assert parsing.count("none") == parsing.NO_LIMIT
    assert (parsing.limit("0"), parsing.count("0")) == (0, 0)


@pytest.mark.parametrize("text", ["0", "-1", "0.00"])
def test_an_amount_is_above_zero(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="above zero"):
        parsing.amount(text)
