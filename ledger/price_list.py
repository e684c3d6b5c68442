"""Which tariff version is in force: a lookup over all versions, without I/O."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from ledger.tariff import Tariff


class PriceList:
    """All versions of all tariffs, as they were when it was built.

    Within a name, a higher version is never effective earlier than a lower one.
    """

    def __init__(self, tariffs: Iterable[Tariff]) -> None:
        self._by_name: dict[str, list[Tariff]] = defaultdict(list)
        self._by_version: dict[tuple[str, int], Tariff] = {}
        for tariff in sorted(tariffs, key=lambda each: (each.name, each.version)):
            self._by_name[tariff.name].append(tariff)
            self._by_version[tariff.name, tariff.version] = tariff

    def in_force(self, name: str, at: datetime) -> Tariff | None:
        """The newest version that is effective at `at`; None when there is none yet."""
        versions = self._by_name.get(name, [])
        effective = bisect_right(versions, at, key=lambda tariff: tariff.effective_from)
        return versions[effective - 1] if effective else None

    def version(self, name: str, version: int) -> Tariff | None:
        """One version, whether it is in force or not."""
        return self._by_version.get((name, version))
