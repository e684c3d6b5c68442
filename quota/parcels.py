"""What waits for a shard, and what travels to it together."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from quota.batch import Result, can_travel
from quota.decision import Code, Refused
from quota.operation import Authorize, Operation

_FULL = Refused(Code.OUT_OF_MEMORY, ())


@dataclass(slots=True, eq=False)
class Parcel:
    """Operations that were submitted together, and are decided and answered together."""

    operations: Sequence[Operation | bytes]
    future: asyncio.Future[Any]
    since: float
    epoch: str  # the only one that it may be decided in; "" for any
    alone: bool  # whether the answer is a result rather than a list of them

    def answer(self, results: list[Result]) -> None:
        """Tells who waits."""
        if not self.future.done():
            self.future.set_result(results[0] if self.alone else results)

    def fail(self, error: Exception) -> None:
        """Tells who waits what is wrong."""
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # who asked for many stops at the first: no complaint


@dataclass(slots=True, eq=False)
class Batch:
    """What is asked of the script at once; `strict` if it needs memory for new calls.

    With memory full, a batch goes again `sparing` memory: only its authorizes are turned away, the
    rest goes in, in order. `loaded` once the library was missing and loaded for it.
    """

    parcels: list[Parcel] = field(default_factory=list)
    sent: bool = False
    strict: bool = False
    sparing: bool = False
    loaded: bool = False

    def asked(self) -> list[Operation | bytes]:
        """The operations that the script decides."""
        operations = self._operations()
        if self.sparing:
            return [operation for operation in operations if type(operation) is not Authorize]
        return operations

    def answer(self, results: list[Result]) -> None:
        """Gives each parcel the results of its operations."""
        if self.sparing:
            left = iter(results)
            results = [_FULL if type(op) is Authorize else next(left) for op in self._operations()]
        taken = 0
        for parcel in self.parcels:
            upto = taken + len(parcel.operations)
            parcel.answer(results[taken:upto])
            taken = upto
        assert taken == len(results)

    def _operations(self) -> list[Operation | bytes]:
        return [operation for parcel in self.parcels for operation in parcel.operations]


def still_wanted(parcels: Iterable[Parcel]) -> list[Parcel]:
    """Those somebody waits for."""
    return [parcel for parcel in parcels if not parcel.future.done()]


def unsendable(parcels: Iterable[Parcel]) -> list[Parcel]:
    """Those that cannot be packed."""
    return [parcel for parcel in parcels if not all(map(can_travel, parcel.operations))]
