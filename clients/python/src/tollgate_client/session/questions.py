"""Operations as they are, for a gateway that keeps its calls itself: one question, one answer."""

import asyncio
from types import TracebackType
from typing import Self

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.errors import PASSING, NotAnswered, TollgateError, code_of, failure_of
from tollgate_client.session.place import Place
from tollgate_client.session.session import Session

ANSWER_S = 5.0


class Questions:
    """Asks over one session, as a block; nothing is repeated, and nobody is listened to.

    Each raises NotAnswered when there is no answer now, and OperationFailed when there never is.
    A settle is answered ACCEPTED at first: repeat it until it is POSTED.
    """

    def __init__(self, place: Place) -> None:
        self._session = Session(place, self)
        self._trouble: TollgateError = NotAnswered("there is no stream")

    async def __aenter__(self) -> Self:
        await self._session.__aenter__()
        await asyncio.sleep(0)  # the first stream is there from the start
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.__aexit__(kind, error, trace)

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """May the call start, or go on?"""
        return (await self._ask(pb.Operation(authorize=request))).authorize

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Reports usage."""
        return (await self._ask(pb.Operation(charge=request))).charge

    async def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Closes the call."""
        return (await self._ask(pb.Operation(settle=request))).settle

    async def _ask(self, operation: pb.Operation) -> pb.OperationResult:
        question = _Question(operation)
        if not self._session.submit(question):
            raise self._trouble.with_traceback(None)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await question.answer
        except TimeoutError:
            raise NotAnswered(f"no answer within {ANSWER_S:g} s") from None

    # Listener

    def opened(self) -> None:
        """Nothing is kept that would be asked again."""

    def pushed(self, push: pb.Push) -> None:
        """The next reply says the same."""

    def ended(self, error: TollgateError) -> None:
        """Until there is another stream, this is why there is none."""
        self._trouble = error


class _Question:
    """One operation that waits for its first answer."""

    def __init__(self, operation: pb.Operation) -> None:
        self._operation = operation
        self.answer: asyncio.Future[pb.OperationResult] = asyncio.Future()

    def ask(self, operation: pb.Operation, now: float) -> bool:
        """Is asked unless nobody waits any more."""
        if self.answer.done():
            return False
        operation.CopyFrom(self._operation)
        return True

    def take(self, result: pb.OperationResult, now: float) -> None:
        """Is answered."""
        if self.answer.done():
            return
        if result.WhichOneof("outcome") != "error":
            self.answer.set_result(result)
        elif (code := code_of(result.error)) in PASSING:
            self.answer.set_exception(NotAnswered(f"{code.name}: {result.error.message}", code))
        else:
            self.answer.set_exception(failure_of(result.error))

    def drop(self, ended: TollgateError) -> None:
        """Is not answered."""
        if not self.answer.done():
            self.answer.set_exception(ended)
