"""The balance inside a packed account, for tests that look or write past the script."""

EIGHT = 8


def _place(packed: bytes) -> slice:
    """Behind a flag, the latest date with its length, its sum, and the earlier dates likewise."""
    earlier_at = 2 + packed[1] + EIGHT
    earlier_length = int.from_bytes(packed[earlier_at : earlier_at + 3])
    start = earlier_at + 3 + earlier_length
    return slice(start, start + EIGHT)


def balance_of(packed: bytes) -> int:
    """What the account holds."""
    return int.from_bytes(packed[_place(packed)], signed=True)


def with_balance(packed: bytes, balance: int) -> bytes:
    """The account with another balance."""
    place = _place(packed)
    return packed[: place.start] + balance.to_bytes(EIGHT, signed=True) + packed[place.stop :]
