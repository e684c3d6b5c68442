"""One stream on a connection of its own: what it carries, and what it ended with."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator

import grpc

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub
from tollgate_client.errors import NotAnswered, TollgateError
from tollgate_client.session.asker import Asker
from tollgate_client.session.ended import Ended, ended_with
from tollgate_client.session.place import Place

# Below what the service reads on with, so that a stream never stands still.
MAX_MESSAGES = 16
# Within the contract's limit on operations, and far below gRPC's on bytes.
MAX_OPERATIONS = 500
MAX_BYTES = 512 * 1024
# A service that pings but does not answer is left.
ANSWER_PATIENCE_S = 20.0
CLOSE_PATIENCE_S = 1.0

log = logging.getLogger("tollgate_client")


class Message:
    """A message that was sent: how many of its operations are not answered yet."""

    __slots__ = ("open", "sent")

    def __init__(self, sent: float) -> None:
        self.open, self.sent = 0, sent


class Line:
    """Carries messages while `run` runs; `answered` is called when there is room again."""

    def __init__(
        self,
        place: Place,
        numbers: Iterator[int],
        pushed: Callable[["Line", pb.Push], None],
        answered: Callable[[], None],
    ) -> None:
        self._channel = place.open()
        self._stream = CallAuthorizationServiceStub(self._channel).Session(metadata=place.metadata)
        self._numbers, self._pushed, self._answered = numbers, pushed, answered
        self._messages: dict[Message, None] = {}
        self._open: dict[int, tuple[Asker, Message]] = {}
        # Settles that were ACCEPTED, by id; who asks again is told under the new id alone.
        self._accepted: dict[int, Asker] = {}
        self._ids: dict[Asker, int] = {}
        self.first_answer: float | None = None

    @property
    def has_room(self) -> bool:
        """Whether another message may be sent."""
        return len(self._messages) < MAX_MESSAGES

    @property
    def idle(self) -> bool:
        """Whether everything was answered."""
        return not self._messages

    def stalled(self, now: float) -> bool:
        """Whether the oldest message has waited too long."""
        oldest = next(iter(self._messages), None)
        return oldest is not None and now - oldest.sent > ANSWER_PATIENCE_S

    async def send(self, askers: Iterable[Asker]) -> None:
        """Sends one message with as many operations as fit; takes only those from `askers`."""
        now = time.monotonic()
        request, message, size = pb.SessionRequest(), Message(now), 0
        for asker in askers:
            operation = pb.Operation()
            if not _asks(asker, operation, now):
                continue
            operation.id = next(self._numbers)
            request.operations.append(operation)
            self._expect(operation.id, asker, message)
            size += operation.ByteSize()
            if message.open == MAX_OPERATIONS or size > MAX_BYTES:
                break
        if message.open:
            self._messages[message] = None
            await self._write(request)

    async def run(self) -> Ended:
        """Reads until the stream ends, however it does; closes the connection."""
        try:
            async for response in self._stream:
                self._receive(response)
            ended = Ended(NotAnswered("the service ended the stream"))
        except grpc.aio.AioRpcError as told:
            ended = ended_with(told)
        except asyncio.CancelledError:
            if _this_task_is_cancelled():
                raise
            ended = Ended(NotAnswered("the service did not answer"))
        finally:
            self._stream.cancel()
            await self._channel.close()
        return ended

    def abandon(self, error: TollgateError) -> None:
        """Tells everyone who is not answered, and awaits no further."""
        unanswered = [asker for asker, _ in self._open.values()]
        for each in (self._open, self._accepted, self._ids, self._messages):
            each.clear()
        for asker in unanswered:
            asker.drop(error)

    def cut(self) -> None:
        """Ends the stream at once."""
        self._stream.cancel()

    def _expect(self, number: int, asker: Asker, message: Message) -> None:
        before = self._ids.get(asker)
        if before is not None:
            self._accepted.pop(before, None)
        self._ids[asker] = number
        self._open[number] = asker, message
        message.open += 1

    async def _write(self, request: pb.SessionRequest) -> None:
        try:
            await self._stream.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # the stream has ended, and `run` says of what
        except asyncio.CancelledError:  # a stream that was cut says so in this way, too
            if _this_task_is_cancelled():
                raise

    def _receive(self, response: pb.SessionResponse) -> None:
        now = time.monotonic()
        if self.first_answer is None:
            self.first_answer = now
        for result in response.results:
            self._take(result, now)
        for push in response.pushes:
            self._pushed(self, push)
        self._answered()

    def _take(self, result: pb.OperationResult, now: float) -> None:
        expected = self._open.pop(result.id, None)
        if expected is None:
            asker = self._accepted.pop(result.id, None)
            if asker is None:
                return
        else:
            asker, message = expected
            message.open -= 1
            if not message.open:
                self._messages.pop(message, None)
        if _will_be_posted(result):
            self._accepted[result.id] = asker
        else:
            self._ids.pop(asker, None)
        try:
            asker.take(result, now)
        except Exception:  # a fault of one call must not end the others' stream
            log.exception("an answer could not be taken")


def _asks(asker: Asker, operation: pb.Operation, now: float) -> bool:
    try:
        return asker.ask(operation, now)
    except Exception:  # nor keep them from asking
        log.exception("a question could not be asked")
        return False


def _will_be_posted(result: pb.OperationResult) -> bool:
    return (
        result.WhichOneof("outcome") == "settle"
        and result.settle.settlement == common_pb2.SETTLEMENT_ACCEPTED
    )


def _this_task_is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
