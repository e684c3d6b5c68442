"""A tariff: one version of a dated price book, as a value without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.errors import TariffRejected
from ledger.pricing.prices import MeterPrice, ModelPrices
from ledger.pricing.reading import read_models, read_rounding
from ledger.pricing.rounding import Rounding
from ledger.pricing.section import Section

TARIFF_NAME_PATTERN = r"[a-z][a-z0-9_-]{0,31}"
CURRENCY_PATTERN = r"[A-Z]{3}"
DEFAULT_FREE_PERIOD_MS = 3_000
MAX_FREE_PERIOD_MS = 3_600_000
MAX_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a price book. Calls shorter than `free_period_ms` cost nothing."""

    name: str
    version: int
    currency: str
    effective_from: datetime
    free_period_ms: int
    rounding: Rounding
    models: Mapping[str, ModelPrices]

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        *,
        version: int | None = None,
        now: datetime | None = None,
    ) -> "Tariff":
        """Reads a document, the shape of the TOML file; raises TariffRejected with all problems.

        `version` takes the place of the document's own, which is 1 when absent; `now` is taken
        when the document does not say from when it is effective.
        """
        problems: list[str] = []
        section = Section(document, "", problems)
        rounding = read_rounding(section.section("rounding"))
        written_version = section.integer("version", 1, MAX_VERSION, default=1)
        tariff = cls(
            name=section.text("name", TARIFF_NAME_PATTERN),
            version=written_version if version is None else version,
            currency=section.text("currency", CURRENCY_PATTERN),
            effective_from=section.moment("effective_from", default=now),
            free_period_ms=section.integer(
                "free_period_ms", 0, MAX_FREE_PERIOD_MS, default=DEFAULT_FREE_PERIOD_MS
            ),
            rounding=rounding,
            models=read_models(section, rounding),
        )
        section.end()
        if problems:
            raise TariffRejected(problems)
        return tariff

    def to_document(self) -> dict[str, Any]:
        """The inverse of `from_document`, in values that JSON can hold."""
        return {
            "name": self.name,
            "version": self.version,
            "currency": self.currency,
            "effective_from": self.effective_from.isoformat(),
            "free_period_ms": self.free_period_ms,
            "rounding": {
                "mode": self.rounding.mode.value,
                "quantum_micros": self.rounding.quantum_micros,
            },
            "models": [
                {"model": model, "meters": [_price_document(price) for price in prices.meters]}
                for model, prices in self.models.items()
            ],
        }

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def _price_document(price: MeterPrice) -> dict[str, Any]:
    document: dict[str, Any] = {
        "meter": price.meter,
        "rate": format(price.rate, "f"),
        "unit": price.unit.value,
        "component": price.component,
        "expected_per_minute": price.expected_per_minute,
    }
    if price.increment is not None:
        document["increment"] = price.increment._asdict()
    return document
