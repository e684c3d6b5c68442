"""The built-in price book."""

import tomllib
from importlib.resources import files
from typing import Any

from ledger.tariff import Tariff


def price_book_document() -> dict[str, Any]:
    """The built-in price book as a tariff document."""
    return tomllib.loads(files("ledger").joinpath("price_book.toml").read_text("utf-8"))


def price_book() -> Tariff:
    """The built-in price book: tariff `standard`, version 1, in USD."""
    return Tariff.from_document(price_book_document())
