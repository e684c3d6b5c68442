"""CSV cells: harmless, quoted where needed, numbers exact; and numbers that are masked."""

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.billing.history.csv_text import FORMULA, Moment, Money, dialect_of, harmless
from server.billing.history.overview import average
from server.billing.history.wording import WORDINGS
from server.calls.masking import masked
from tollgate.v1 import history_pb2 as pb

ENGLISH = dialect_of(pb.LANGUAGE_ENGLISH, ZoneInfo("UTC"))
RUSSIAN = dialect_of(pb.LANGUAGE_RUSSIAN, ZoneInfo("Europe/Moscow"))


@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=2))
def test_what_is_written_is_read_back_and_starts_no_formula(texts: list[str]) -> None:
    for dialect in (ENGLISH, RUSSIAN):
        line = io.StringIO(dialect.row(texts), newline="")
        (read,) = csv.reader(line, delimiter=dialect.separator)
        assert read == [harmless(text) for text in texts]
        assert not any(cell.startswith(FORMULA) for cell in read)


def test_numbers_and_dates_are_written_by_language() -> None:
    at = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
    cells = (Money(-2_850_000), Money(45_200), 7, Moment(at), date(2026, 3, 12), Moment(None), None)
    assert ENGLISH.row(cells) == "-2.85,0.0452,7,2026-03-12 21:30:00,2026-03-12,,\r\n"
    assert RUSSIAN.row(cells) == "-2,85;0,0452;7;13.03.2026 00:30:00;12.03.2026;;\r\n"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+74951234567", "+749******67"),
        ("12345678", "********"),
        ("", ""),
        ("sip:a@b.c", "sip:***.c"),
    ],
)
def test_a_masked_number_shows_its_beginning_and_end_alone(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.parametrize(
    ("spent", "calls", "micros"), [(57_500_000, 847, 67_887), (1, 2, 1), (1, 3, 0), (0, 5, 0)]
)
def test_the_average_is_rounded_half_up(spent: int, calls: int, micros: int) -> None:
    assert average(spent, calls) == micros


def test_both_languages_have_the_same_words() -> None:
    english, russian = WORDINGS[pb.LANGUAGE_ENGLISH], WORDINGS[pb.LANGUAGE_RUSSIAN]
    for name in english._fields:
        one, other = getattr(english, name), getattr(russian, name)
        assert isinstance(one, str) or one.keys() == other.keys(), name
