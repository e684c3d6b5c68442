"""Which tariff version a request names."""

from ledger.pin import Pin
from server.errors import InvalidFields, Violation


def named_version(text: str, default_name: str) -> tuple[str, int | None]:
    """Name and version of `name@version`; the default name and no version when it is empty.

    Raises InvalidFields.
    """
    if not text:
        return default_name, None
    try:
        pin = Pin.parse(text)
    except ValueError as error:
        description = "must be empty or read name@version, as Authorize answered"
        raise InvalidFields([Violation("tariff_version", description)]) from error
    return pin.tariff, pin.version
