"""One table of a tariff document, read field by field, with every problem told by its path."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

Choice = TypeVar("Choice", bound=StrEnum)


class Section:
    """Reads fields of a table. A bad field adds a problem and yields a stand-in, so that one
    reading finds all problems; whoever reads the whole must discard it when there are any.
    """

    def __init__(self, value: object, path: str, problems: list[str]) -> None:
        self._path = path
        self._problems = problems
        self._unread: dict[str, object] = {}
        if isinstance(value, dict):
            self._unread = dict(value)
        else:
            problems.append(f"{path or 'document'}: must be a table")

    def problem(self, field: str, message: str) -> None:
        """Adds a problem of `field`; an empty field means the table itself."""
        path = ".".join(part for part in (self._path, field) if part)
        self._problems.append(f"{path or 'document'}: {message}")

    def text(self, field: str, pattern: str, default: str | None = None) -> str:
        """A text that matches `pattern` as a whole."""
        value = self._take(field, default)
        if value is None:
            return ""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.problem(field, f"must be text that matches {pattern}")
            return ""
        return value

    def integer(self, field: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        value = self._take(field, default)
        if value is None:
            return low
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problem(field, f"must be a whole number from {low} to {high}")
            return low
        return value

    def choice(self, field: str, choices: type[Choice], default: Choice) -> Choice:
        """One of the values of `choices`."""
        value = self._take(field, default)
        try:
            return choices(str(value))
        except ValueError:
            self.problem(field, f"must be one of {', '.join(choices)}")
            return default

    def moment(self, field: str, default: datetime | None = None) -> datetime:
        """A time with its offset from UTC: a TOML time, or ISO 8601 text."""
        value = self._take(field, default)
        if value is None:
            return datetime.min.replace(tzinfo=UTC)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            self.problem(field, "must be a time with its offset from UTC")
            return datetime.min.replace(tzinfo=UTC)
        return moment.astimezone(UTC)

    def section(self, field: str) -> "Section | None":
        """A table inside this one; None when it is absent."""
        value = self._unread.pop(field, None)
        return None if value is None else Section(value, self._inside(field), self._problems)

    def sections(self, field: str, high: int) -> Iterator["Section"]:
        """The tables of an array of 1 to `high`."""
        value = self._take(field, None)
        if value is None:
            return
        if not isinstance(value, list) or not 1 <= len(value) <= high:
            self.problem(field, f"must be an array of 1 to {high} tables")
            return
        for position, item in enumerate(value):
            yield Section(item, f"{self._inside(field)}[{position}]", self._problems)

    def end(self) -> None:
        """Complains of the fields that nobody read."""
        for field in sorted(map(str, self._unread)):
            self.problem(field[:64], "unknown field")

    def _inside(self, field: str) -> str:
        return f"{self._path}.{field}" if self._path else field

    def _take(self, field: str, default: object) -> object:
        value = self._unread.pop(field, None)
        if value is None:
            value = default
        if value is None:
            self.problem(field, "is missing")
        return value
