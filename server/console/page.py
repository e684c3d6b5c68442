"""What a page is: its name, the right that it needs, and what it answers where."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from server.console.visit import Visit

Answer = Callable[["Visit"], Awaitable[Response]]


class Action(NamedTuple):
    """One address of a page. `path` is added to the page's own. A POST changes something; it has
    been checked against forgery when it is answered.
    """

    method: Literal["GET", "POST"]
    path: str
    answer: Answer


class Page(NamedTuple):
    """A tab. `name` is its part of the address and names its texts and templates; it is shown to
    keys that may call the method `needs`. A page that is not of a tenant is for administrators
    of all tenants.
    """

    name: str
    needs: str
    actions: Sequence[Action]
    of_tenant: bool = True

    def address(self, tenant_id: str, path: str = "") -> str:
        """Where the page, or something of it, is."""
        place = f"t/{tenant_id}" if self.of_tenant else "admin"
        return f"/console/{place}/{self.name}{path}"
