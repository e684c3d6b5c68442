"""Messages of a client and their operations, while they are worked on."""

from typing import Any, NamedTuple

from quota.operation import Operation as StoreOperation
from server.calls.first_try import Attempt
from server.calls.session.carried import Call


class Message:
    """One message of the client: how many of its operations are not answered yet."""

    __slots__ = ("open",)

    def __init__(self, count: int) -> None:
        self.open = count


class Item(NamedTuple):
    """One operation of a message; with how its decision is told once it is prepared, unless it is a
    charge.
    """

    operation_id: int
    message: Message
    kind: str
    request: Any
    call: Call
    attempt: Attempt | None


class Portion:
    """What goes to a shard together."""

    __slots__ = ("items", "operations")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.operations: list[StoreOperation | bytes] = []
