"""Tariff versions are added one by one, and never change."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import KeyReused, TariffRejected
from ledger.pool import Pool
from ledger.price_book import price_book, price_book_document
from ledger.price_list import PriceList
from ledger.tariffs import Tariffs


@pytest.fixture
def tariffs(pool: Pool) -> Tariffs:
    return Tariffs(pool)


async def test_a_tariff_is_kept_as_it_was_put(tariffs: Tariffs) -> None:
    assert await tariffs.put("r", price_book_document()) == price_book()
    assert await tariffs.all() == await tariffs.list("standard") == [price_book()]
    assert await tariffs.list("other") == []


async def test_versions_are_numbered_without_gaps(tariffs: Tariffs) -> None:
    put = await asyncio.gather(
        *(tariffs.put(f"r{number}", price_book_document()) for number in range(5))
    )
    assert sorted(tariff.version for tariff in put) == [1, 2, 3, 4, 5]
    assert PriceList(await tariffs.all()).version("standard", 5) is not None


async def test_a_repeated_put_returns_the_first_version(tariffs: Tariffs) -> None:
    first = await tariffs.put("r", price_book_document())
    assert await tariffs.put("r", price_book_document()) == first
    assert len(await tariffs.all()) == 1
    with pytest.raises(KeyReused):
        await tariffs.put("r", price_book_document() | {"free_period_ms": 0})


async def test_a_tariff_without_a_date_is_effective_now(tariffs: Tariffs) -> None:
    document = price_book_document()
    del document["effective_from"]
    tariff = await tariffs.put("r", document)
    assert abs(datetime.now(UTC) - tariff.effective_from) < timedelta(minutes=1)


async def test_a_currency_never_changes_and_dates_never_go_back(tariffs: Tariffs) -> None:
    await tariffs.put("r", price_book_document())
    earlier = price_book_document() | {"currency": "EUR", "effective_from": "2025-01-01T00:00:00Z"}
    with pytest.raises(TariffRejected) as raised:
        await tariffs.put("s", earlier)
    assert [problem.split(":")[0] for problem in raised.value.problems] == [
        "currency",
        "effective_from",
    ]


async def test_a_bad_document_is_refused_with_its_problems(tariffs: Tariffs) -> None:
    with pytest.raises(TariffRejected, match=r"models: is missing"):
        await tariffs.put("r", {"name": "standard", "currency": "USD"})
    assert await tariffs.all() == []
