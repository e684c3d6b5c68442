"""Pins and the lookup of the version in force."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.pin import Pin
from ledger.price_list import PriceList
from ledger.tariff import Tariff
from tests.unit.ledger.pricing_samples import tariff_document

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def version(number: int, effective_from: datetime) -> Tariff:
    document = tariff_document(effective_from=effective_from.isoformat())
    return Tariff.from_document(document, version=number)


PRICES = PriceList([version(2, MARCH), version(1, JANUARY), version(3, MARCH)])


@pytest.mark.parametrize(
    ("at", "number"),
    [(JANUARY, 1), (MARCH - timedelta(microseconds=1), 1), (MARCH, 3)],
)
def test_the_newest_effective_version_is_in_force(at: datetime, number: int) -> None:
    tariff = PRICES.in_force("test", at)
    assert tariff is not None
    assert tariff.version == number


def test_no_version_is_in_force_before_the_first_or_for_an_unknown_name() -> None:
    assert PRICES.in_force("test", JANUARY - timedelta(seconds=1)) is None
    assert PRICES.in_force("other", MARCH) is None


def test_every_version_can_be_looked_up() -> None:
    found = PRICES.version("test", 2)
    assert found is not None
    assert found.effective_from == MARCH
    assert PRICES.version("test", 4) is None


@pytest.mark.parametrize("text", ["standard@1", "standard@1+a", "a-b_c@2147483647+a"])
def test_a_pin_survives_the_way_there_and_back(text: str) -> None:
    assert str(Pin.parse(text)) == text


def test_a_pin_tells_its_parts() -> None:
    pin = Pin.parse("standard@12+a")
    assert pin == Pin("standard", 12, True)
    assert pin.tariff_version == "standard@12"


@pytest.mark.parametrize(
    "text",
    ["", "standard", "standard@", "standard@0", "standard@01", "@1", "S@1", "standard@1+b",
     "standard@1\n", "standard@2147483648", "standard@-1", "standard@1+a+a"],
)  # fmt: skip
def test_anything_else_is_no_pin(text: str) -> None:
    with pytest.raises(ValueError, match="pin"):
        Pin.parse(text)
