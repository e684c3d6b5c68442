"""The pin: text that fixes how a call is priced for all of its life."""

import re
from functools import lru_cache
from typing import NamedTuple

from ledger.tariff import MAX_VERSION, TARIFF_NAME_PATTERN

# Every posted call names one, and there are few.
MAX_PARSED = 1_024
_PIN = re.compile(rf"({TARIFF_NAME_PATTERN})@([1-9][0-9]{{0,9}})(\+a)?")


class Pin(NamedTuple):
    """A tariff version and the analytics switch; its text is `name@version`, then `+a` if on."""

    tariff: str
    version: int
    analytics: bool

    @classmethod
    def parse(cls, text: str) -> "Pin":
        """Reads a pin's text; ValueError when it is none."""
        return _parse(text)

    @property
    def tariff_version(self) -> str:
        """The text without the switch, as people read it."""
        return f"{self.tariff}@{self.version}"

    def __str__(self) -> str:
        return f"{self.tariff}@{self.version}{'+a' if self.analytics else ''}"


@lru_cache(MAX_PARSED)
def _parse(text: str) -> Pin:
    found = _PIN.fullmatch(text)
    if found is None or int(found[2]) > MAX_VERSION:
        raise ValueError("a pin must read name@version or name@version+a")
    return Pin(found[1], int(found[2]), found[3] is not None)
