"""Top-ups over the API: begun with a provider's page, looked at, confirmed and refunded by hand."""

from ledger.payments.top_up import NewTopUp, TopUp
from ledger.payments.top_ups import TopUps
from server.billing.form import Form
from server.billing.pending_debits import PendingDebits
from server.errors import FailedPrecondition, InvalidFields, Violation
from server.paging import page_size, position, token
from server.payments.cashier import Cashier
from server.payments.provider import MANUAL, ROBOKASSA, STRIPE, Provider, Providers
from server.payments.shown import METHODS, PROVIDERS, shown, shown_option
from tollgate.v1 import payments_pb2 as pb


class TopUpDesk:
    """Answers what tenants and administrators ask of top-ups."""

    def __init__(
        self,
        top_ups: TopUps,
        cashier: Cashier,
        providers: Providers,
        debits: PendingDebits,
        bounds_micros: tuple[int, int],
    ) -> None:
        """`bounds_micros` are the least and the most that may be topped up at once."""
        self._top_ups, self._cashier, self._providers = top_ups, cashier, providers
        self._debits, self._bounds_micros = debits, bounds_micros

    async def options(self, request: pb.GetTopUpOptionsRequest) -> pb.GetTopUpOptionsResponse:
        """The providers that are set up, and what the amount would cost through each."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        if request.credit_amount_micros:
            self._check_amount(form, request.credit_amount_micros)
        form.done()
        providers = self._providers.set_up()
        currency, quotes = await self._top_ups.quotes(
            request.tenant_id,
            [provider.currency for provider in providers],
            request.credit_amount_micros,
        )
        pairs = zip(providers, quotes, strict=True)
        return pb.GetTopUpOptionsResponse(
            currency=currency,
            least_micros=self._bounds_micros[0],
            most_micros=self._bounds_micros[1],
            options=[shown_option(currency, provider, quote) for provider, quote in pairs],
        )

    async def create(self, request: pb.CreateTopUpRequest) -> pb.CreateTopUpResponse:
        """Pins the amounts, then opens the provider's page; a repeat opens the same one."""
        self._check(request)
        provider = self._providers.named(PROVIDERS[request.provider])
        method = METHODS[request.method]
        if method not in provider.methods:
            raise _not_offered(provider)
        await self._debits.require_unused(request.tenant_id, request.request_id)
        top_up = await self._top_ups.create(
            request.request_id,
            NewTopUp(
                request.tenant_id,
                provider.name,
                method,
                request.organisation_id,
                request.credit_amount_micros,
                provider.currency,
            ),
        )
        return pb.CreateTopUpResponse(top_up=shown(await self._with_page(provider, top_up)))

    async def _with_page(self, provider: Provider, top_up: TopUp) -> TopUp:
        if top_up.page_url or top_up.facts.paid:
            return top_up
        page = await provider.page(top_up)
        return await self._top_ups.attach_page(top_up, page.url, page.ref) if page.url else top_up

    def _check(self, request: pb.CreateTopUpRequest) -> None:
        form = Form()
        form.id("request_id", request.request_id)
        form.id("tenant_id", request.tenant_id)
        self._check_amount(form, request.credit_amount_micros)
        if request.organisation_id:
            form.id("organisation_id", request.organisation_id)
        if request.provider not in PROVIDERS:
            form.wrong("provider", "must be a provider of this release")
        if request.method not in METHODS:
            form.wrong("method", "must be a method of this release")
        form.done()

    def _check_amount(self, form: Form, micros: int) -> None:
        least, most = self._bounds_micros
        if not least <= micros <= most:
            description = f"must be from {least} to {most}"
            form.wrong("credit_amount_micros", description, "AMOUNT_OUT_OF_RANGE")

    async def get(self, request: pb.GetTopUpRequest) -> pb.GetTopUpResponse:
        """Reads one top-up."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.id("top_up_id", request.top_up_id)
        form.done()
        top_up = await self._top_ups.get(request.tenant_id, request.top_up_id)
        return pb.GetTopUpResponse(top_up=shown(top_up))

    async def list(self, request: pb.ListTopUpsRequest) -> pb.ListTopUpsResponse:
        """A page of a tenant's top-ups, the newest first."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        size = page_size(request.page_size)
        after = position(request.page_token, 1)
        top_ups = await self._top_ups.list(request.tenant_id, size, _number(after))
        return pb.ListTopUpsResponse(
            top_ups=[shown(top_up) for top_up in top_ups],
            next_page_token=token(str(top_ups[-1].number)) if len(top_ups) == size else "",
            owed_micros=await self._top_ups.owed_micros(request.tenant_id),
        )

    async def confirm(self, request: pb.ConfirmTopUpRequest) -> pb.ConfirmTopUpResponse:
        """Credits a manual top-up whose money has come."""
        await self._check_by_hand(request, frozenset({MANUAL}))
        recorded = await self._top_ups.confirm(
            request.request_id, request.tenant_id, request.top_up_id, request.note
        )
        await self._cashier.follow(recorded)
        return pb.ConfirmTopUpResponse(top_up=shown(recorded.top_up))

    async def refund(self, request: pb.RefundTopUpRequest) -> pb.RefundTopUpResponse:
        """Takes back what was paid back outside; Robokassa does not tell of its refunds either."""
        if request.pay_amount_minor < 0:
            raise InvalidFields([Violation("pay_amount_minor", "must not be below 0")])
        await self._check_by_hand(request, frozenset({MANUAL, ROBOKASSA}))
        recorded = await self._top_ups.refund(
            request.request_id,
            request.tenant_id,
            request.top_up_id,
            request.pay_amount_minor,
            request.note,
        )
        await self._cashier.follow(recorded)
        return pb.RefundTopUpResponse(top_up=shown(recorded.top_up))

    async def _check_by_hand(
        self, request: pb.ConfirmTopUpRequest | pb.RefundTopUpRequest, allowed: frozenset[str]
    ) -> None:
        form = Form()
        form.id("request_id", request.request_id)
        form.id("tenant_id", request.tenant_id)
        form.id("top_up_id", request.top_up_id)
        form.text("note", request.note)
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        top_up = await self._top_ups.get(request.tenant_id, request.top_up_id)
        if top_up.provider not in allowed:
            where = "Stripe's dashboard" if top_up.provider == STRIPE else "the provider"
            raise FailedPrecondition(
                "WRONG_PROVIDER",
                f"this is a {top_up.provider} top-up: {where} tells of it by webhook",
                {"provider": top_up.provider},
            )


def _not_offered(provider: Provider) -> FailedPrecondition:
    methods = ", ".join(sorted(name.upper() for name in provider.methods))
    return FailedPrecondition(
        "METHOD_NOT_OFFERED",
        f"{provider.name} does not offer this method, but {methods}",
        {"provider": provider.name, "methods": methods},
    )


def _number(after: tuple[str, ...] | None) -> int | None:
    if after is None:
        return None
    text = after[0]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidFields([Violation("page_token", "must be a next_page_token, unchanged")])
    return int(text)
