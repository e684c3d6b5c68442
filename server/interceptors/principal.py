"""Who asks: the key behind the current request and what it may do."""

from contextvars import ContextVar
from typing import NamedTuple, Self

from server.errors import PermissionDenied

GATEWAY = "gateway"
ADMIN = "admin"
TENANT = "tenant"
# Not a role: lets a tenant's own key see phone numbers whole, as gateways and administrators do.
NUMBERS = "numbers"


class Principal(NamedTuple):
    """A valid key. `tenants` is None when it may use every tenant; `sees_numbers` tells whether it
    is shown phone numbers whole.
    """

    key_id: str
    role: str
    tenants: frozenset[str] | None
    sees_numbers: bool = False

    @classmethod
    def of(cls, key_id: str, scopes: tuple[str, ...]) -> Self:
        """The strongest role of the scopes; tenant scopes bound whatever the role is."""
        tenants = frozenset(
            scope.removeprefix("tenant:") for scope in scopes if scope.startswith("tenant:")
        )
        role = next((each for each in (ADMIN, GATEWAY) if each in scopes), TENANT)
        unbounded = role != TENANT and not tenants
        sees_numbers = role != TENANT or NUMBERS in scopes
        return cls(key_id, role, None if unbounded else tenants, sees_numbers)

    def may_use(self, tenant_id: str) -> bool:
        """Whether the key reaches the tenant, whether that exists or not."""
        return self.tenants is None or tenant_id in self.tenants

    def require(self, tenant_id: str) -> None:
        """Raise PermissionDenied unless the key reaches the tenant."""
        if not self.may_use(tenant_id):
            raise PermissionDenied

    def require_all(self) -> None:
        """Raise PermissionDenied unless the key reaches every tenant."""
        if self.tenants is not None:
            raise PermissionDenied


_current: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """The key behind the current request; only within authenticated methods."""
    return _current.get()


def set_principal(principal: Principal) -> None:
    """Name the key behind the current request."""
    _current.set(principal)
