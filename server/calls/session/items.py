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
    """One operation of a message."""

    operation_id: int
    message: Message
    kind: str
    request: Any
    call: Call


class Portion:
    """What goes to a shard together: charges, or operations with how their decisions are told."""

    __slots__ = ("attempts", "items", "operations")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.operations: list[StoreOperation | bytes] = []
        self.attempts: list[Attempt | None] = []
