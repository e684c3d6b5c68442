"""The form of billing requests: every field that cannot be, named with what it must be."""

import re
from zoneinfo import available_timezones

from ledger.tariff import TARIFF_NAME_PATTERN
from ledger.tenant import LIMIT_RANGES
from server.errors import InvalidFields, Violation
from server.fields import ID_MUST, is_id
from tollgate.v1 import billing_pb2 as pb

MAX_AMOUNT_MICROS = 10**12
MAX_TEXT = 200
MAX_SCOPES = 100
CURRENCY = re.compile(r"[A-Z]{3}")
TARIFF_NAME = re.compile(TARIFF_NAME_PATTERN)


class Form:
    """Gathers violations; `done` raises them together."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def wrong(self, field: str, description: str, reason: str = "INVALID") -> None:
        """Notes a violation."""
        self._found.append(Violation(field, description, reason))

    def id(self, field: str, value: str) -> None:
        """The field must be an id."""
        if not is_id(value):
            self.wrong(field, ID_MUST, "INVALID_ID")

    def text(self, field: str, value: str) -> None:
        """The field must be a readable text."""
        if not 1 <= len(value) <= MAX_TEXT or not value.isprintable():
            self.wrong(field, f"must be 1 to {MAX_TEXT} printable characters")

    def zone(self, field: str, value: str) -> None:
        """The field must be an IANA time zone."""
        if value not in available_timezones():
            description = "must be an IANA time zone such as Europe/Moscow"
            self.wrong(field, description, "UNKNOWN_TIME_ZONE")

    def limits(self, limits: pb.Limits) -> None:
        """Every limit must be in its range."""
        for field, value in limits.ListFields():
            lowest, highest = LIMIT_RANGES[field.name]
            if not lowest <= value <= highest:
                description = f"must be from {lowest} to {highest}"
                self.wrong(f"tenant.limits.{field.name}", description, "LIMIT_OUT_OF_RANGE")

    def tariff(self, field: str, value: str) -> None:
        """The field must be able to be a tariff's name."""
        if not TARIFF_NAME.fullmatch(value):
            self.wrong(field, "must be a tariff's name such as standard")

    def done(self) -> None:
        """Raises InvalidFields when something was wrong."""
        if self._found:
            raise InvalidFields(self._found)
