"""What waits to be written to a stream: results gathered into messages, and pushes."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.rpc import status_pb2

from quota.batch import PlainCharge
from server.calls.replies import add_plain_charges
from tollgate.v1 import call_authorization_pb2 as pb

MAX_RESULTS = 1_000
MAX_PUSHES = 1_000
MAX_ERROR_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class Parcel:
    """A message to the client, and how many of the client's messages it answers to their end."""

    response: pb.SessionResponse = field(default_factory=pb.SessionResponse)
    answers: int = 0


class Outgoing:
    """Gathers results until the writer comes for them. A later push to a call replaces an earlier
    one that was not written yet, so a slow reader holds no more than one for each call.
    """

    def __init__(self) -> None:
        self._parcels: deque[Parcel] = deque()
        self._results: Any = None  # those of the last parcel, while it takes more
        self._error_bytes, self._full = 0, False
        self._pushes: dict[tuple[str, str], int] = {}
        self._news = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether everything was taken."""
        return not self._parcels and not self._pushes

    def add(self, operation_id: int) -> pb.OperationResult:
        """A result to be filled in at once."""
        results = self._results
        if results is None or self._full or len(results) >= MAX_RESULTS:
            results = self._begin()
        result: pb.OperationResult = results.add()
        result.id = operation_id
        return result

    def add_charges(self, charges: Sequence[tuple[int, PlainCharge]]) -> None:
        """The results of plain charges by their operations' ids: all of them, or an exception."""
        results = self._results
        if results is None or self._full or len(results) + len(charges) > MAX_RESULTS:
            results = self._begin()
        before = len(results)
        try:
            add_plain_charges(results, charges)
        except Exception:
            del results[before:]
            raise

    def _begin(self) -> Any:
        self._parcels.append(Parcel())
        self._error_bytes, self._full = 0, False
        self._results = self._parcels[-1].response.results
        self._news.set()
        return self._results

    def add_error(self, operation_id: int, error: status_pb2.Status) -> None:
        """A result that is an error. Their texts may be long, so a message takes some bytes of them
        only: a message that gRPC refuses would be lost with everybody's results.
        """
        self.add(operation_id).error.CopyFrom(error)
        self._error_bytes += error.ByteSize()
        if self._error_bytes > MAX_ERROR_BYTES:
            self._full = True

    def take_back(self) -> None:
        """Drops the result that was added last."""
        del self._results[-1]
        if not self._results:
            self._parcels.pop()
            self._results = None

    def answered(self) -> None:
        """With the result that was added last one of the client's messages is answered."""
        self._parcels[-1].answers += 1

    def push(self, tenant_id: str, call_id: str, directive: int) -> None:
        """Tells a call, or the whole stream, what to do."""
        self._pushes[tenant_id, call_id] = directive
        self._news.set()

    def clear(self) -> None:
        """Drops everything: nobody takes it any more."""
        self._parcels.clear()
        self._pushes.clear()
        self._results = None

    async def take(self) -> Parcel:
        """The next message to write; waits for one."""
        while self.empty:
            self._news.clear()
            await self._news.wait()
        parcel = self._parcels.popleft() if self._parcels else Parcel()
        if not self._parcels:
            self._results = None
        while self._pushes and len(parcel.response.pushes) < MAX_PUSHES:
            tenant_id, call_id = next(iter(self._pushes))
            directive = self._pushes.pop((tenant_id, call_id))
            parcel.response.pushes.add(
                tenant_id=tenant_id,
                call_id=call_id,
                directive=directive,
            )
        return parcel
