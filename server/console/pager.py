"""Pages of a list: the services' tokens lead forward, the address keeps the way back."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from server.console.visit import Visit

# Tokens have no point. Addresses stay short: from further on one goes back to the beginning.
SEPARATOR = "."
MOST_BEHIND = 60


class Pager(NamedTuple):
    """Where one is in a list: the address, what it is filtered by, the page's token, and the
    tokens of the pages between it and the first.
    """

    address: str
    chosen: Mapping[str, str]
    page_token: str
    behind: tuple[str, ...]

    @classmethod
    def of(cls, visit: Visit, chosen: Mapping[str, str] | None = None) -> "Pager":
        """What the address says."""
        behind = tuple(filter(None, visit.query.get("behind", "").split(SEPARATOR)))
        return cls(visit.request.url.path, chosen or {}, visit.query.get("page", ""), behind)

    @property
    def is_first(self) -> bool:
        """Whether there is nothing before."""
        return not self.page_token

    def first(self) -> str:
        """The address of the first page."""
        return self._at("", ())

    def forward(self, next_page_token: str) -> str:
        """The address of the page that follows; empty on the last."""
        if not next_page_token:
            return ""
        behind = (*self.behind, self.page_token) if self.page_token else self.behind
        return self._at(next_page_token, behind[-MOST_BEHIND:])

    def back(self) -> str:
        """The address of the page before; empty on the first."""
        if self.is_first:
            return ""
        if not self.behind:
            return self.first()
        return self._at(self.behind[-1], self.behind[:-1])

    def _at(self, page_token: str, behind: tuple[str, ...]) -> str:
        query = {**self.chosen, "page": page_token, "behind": SEPARATOR.join(behind)}
        asked = urlencode({name: value for name, value in query.items() if value})
        return self.address + (f"?{asked}" if asked else "")
