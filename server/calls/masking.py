"""Phone numbers as keys see them that may not see them whole."""

from server.interceptors.principal import current_principal
from tollgate.v1 import common_pb2

SHOWN_FIRST, SHOWN_LAST = 4, 2
SHORTEST = 9


def masked(number: str) -> str:
    """The first four and last two characters, as "+749*****21"; of short ones nothing."""
    hidden = len(number) - SHOWN_FIRST - SHOWN_LAST
    if len(number) < SHORTEST:
        return "*" * len(number)
    return number[:SHOWN_FIRST] + "*" * hidden + number[-SHOWN_LAST:]


def shown_number(number: str) -> str:
    """The number as the key behind the request may see it."""
    return number if current_principal().sees_numbers else masked(number)


def mask_call(call: common_pb2.Call) -> None:
    """Masks the parties of a reply unless the key may see them."""
    call.caller, call.callee = shown_number(call.caller), shown_number(call.callee)
