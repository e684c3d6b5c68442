"""How what a call carries is packed for the live store: short, exact, and the same every time."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgpack

from ledger.pricing.meter import GLOSSARY
from ledger.pricing.placed import POSITIONS

_METERS = len(GLOSSARY)
_DIGEST_BYTES = 16

_pack = msgpack.Packer().pack


def pack_usage(quantities: Mapping[str, int]) -> bytes:
    """Packs usage: the glossary's meters by position, further ones by name; zeros are left out."""
    named: dict[str, int] = {}
    placed = [0] * _METERS
    for meter, quantity in quantities.items():
        position = POSITIONS.get(meter)
        if position is not None:
            placed[position] = quantity
        elif quantity:
            named[meter] = quantity
    if not named:
        return pack_placed(placed)
    packed: bytes = _pack((_without_last_zeros(placed), dict(sorted(named.items()))))
    return packed


def pack_placed(placed: list[int]) -> bytes:
    """Packs quantities that lie in the glossary's order, and uses up the list."""
    packed: bytes = _pack(_without_last_zeros(placed))
    return packed


def _without_last_zeros(placed: list[int]) -> list[int]:
    while placed and not placed[-1]:
        placed.pop()
    return placed


def unpack_usage(packed: bytes) -> dict[str, int]:
    """The quantities that are not zero."""
    if not packed:
        return {}
    fields = msgpack.unpackb(packed)
    placed, named = fields if len(fields) == 2 and isinstance(fields[0], list) else (fields, {})
    usage: dict[str, int] = {
        meter: quantity for meter, quantity in zip(GLOSSARY, placed, strict=False) if quantity
    }
    return {**usage, **named}


class Parties(NamedTuple):
    """Who speaks with whom; `direction` is the number of the proto enum."""

    caller: str
    callee: str
    direction: int

    def pack(self) -> bytes:
        """Packs them; numbers hold no NUL, so nothing runs into its neighbour."""
        return f"{self.direction}\0{self.caller}\0{self.callee}".encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Parties":
        """The reverse of pack."""
        direction, caller, callee = packed.decode().split("\0")
        return cls(caller, callee, int(direction))


class Times(NamedTuple):
    """Wall-clock times of a call in ms since the Unix epoch, for display; None when not given."""

    started_ms: int | None
    answered_ms: int | None
    ended_ms: int | None

    def pack(self) -> bytes:
        """Packs them."""
        return ",".join("" if time is None else str(time) for time in self).encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Times":
        """The reverse of pack; a call that was never settled by its gateway has none."""
        if not packed:
            return cls(None, None, None)
        return cls(*(int(part) if part else None for part in packed.decode().split(",")))


def settle_digest(usage: bytes, elapsed_ms: int, times: Times, corrects_usage: bool) -> bytes:
    """Names the content that a repeated Settle must have: its usage and its times."""
    text = b"%d|%d|%b|%b" % (elapsed_ms, corrects_usage, times.pack(), usage)
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()
