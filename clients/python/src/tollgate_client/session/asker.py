"""Who asks over a session: something that always knows what it would ask now."""

from typing import Protocol

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.errors import TollgateError


class Asker(Protocol):
    """Asks one operation at a time. Moments are seconds of the monotonic clock."""

    def ask(self, operation: pb.Operation, now: float) -> bool:
        """Fills in what it asks; False when it has nothing to ask any more."""

    def take(self, result: pb.OperationResult, now: float) -> None:
        """Is answered; for a settle that was ACCEPTED a second time, when it is POSTED."""

    def drop(self, ended: TollgateError) -> None:
        """Is told that no answer will come: the stream that carried it has ended."""


class Listener(Protocol):
    """Hears what is not the answer to an operation."""

    def opened(self) -> None:
        """There is a new stream: what is not confirmed is to be submitted again."""

    def pushed(self, push: pb.Push) -> None:
        """The service tells a call what to do."""

    def ended(self, error: TollgateError) -> None:
        """A stream ended. An OperationFailed will not pass by itself."""
