"""What a payment provider is to the rest: a name, a currency, methods, and a page to pay on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ledger.payments.top_up import TopUp
from server.errors import FailedPrecondition, InvalidFields, Violation

MANUAL = "manual"
STRIPE = "stripe"
ROBOKASSA = "robokassa"

ANY = "any"
BANK_CARD = "bank_card"
BANK_TRANSFER = "bank_transfer"
SBP = "sbp"


class Page(NamedTuple):
    """Where the payer pays, and what the provider calls it; both empty without a page."""

    url: str
    ref: str


NO_PAGE = Page("", "")


class Provider(Protocol):
    """Takes payments. `currency` is what payers pay in, empty for the tenant's own."""

    name: str
    currency: str
    methods: frozenset[str]

    async def page(self, top_up: TopUp) -> Page:
        """Opens a page for exactly what is pinned; asked again, it opens the same one.

        Raises ProviderUnavailable, FailedPrecondition.
        """

    async def close(self) -> None:
        """Gives back what it holds."""


class Manual:
    """An administrator looks at the bank account and confirms what came."""

    name = MANUAL
    methods = frozenset({ANY, BANK_TRANSFER})

    def __init__(self, currency: str) -> None:
        self.currency = currency

    async def page(self, top_up: TopUp) -> Page:
        """There is none: the payer gets an invoice."""
        return NO_PAGE

    async def close(self) -> None:
        """Nothing is held."""


class Providers:
    """The providers that are set up, and what those that are not lack."""

    def __init__(
        self, set_up: Sequence[Provider], missing: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """`missing` names the variables that are unset, by provider."""
        self._set_up = {provider.name: provider for provider in set_up}
        self._missing = dict(missing or {})

    def set_up(self) -> Sequence[Provider]:
        """Those that can be chosen; the one that needs nothing is last."""
        return sorted(self._set_up.values(), key=lambda provider: provider.name == MANUAL)

    def named(self, name: str) -> Provider:
        """The provider of that name, or the one to take for an empty name.

        Raises FailedPrecondition, which names the settings that are missing, and InvalidFields.
        """
        if not name:
            return self._only_one()
        if name not in self._set_up:
            settings = ", ".join(self._missing[name])
            raise FailedPrecondition(
                "PROVIDER_NOT_SET_UP",
                f"{name} is not set up: set {settings}",
                {"provider": name, "settings": settings},
            )
        return self._set_up[name]

    def _only_one(self) -> Provider:
        others = [name for name in self._set_up if name != MANUAL]
        if len(others) > 1:
            description = f"must be named, for there are {', '.join(others)}"
            raise InvalidFields([Violation("provider", description, "PROVIDER_AMBIGUOUS")])
        return self._set_up[others[0] if others else MANUAL]

    async def close(self) -> None:
        """Closes all of them."""
        for provider in self._set_up.values():
            await provider.close()
