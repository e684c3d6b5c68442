"""`tollgate topup`: begin top-ups, look at them, confirm and refund manual ones."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypeVar

import typer

from ledger.payments.rate import minor_digits
from server.cli import parsing, printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from server.money import show
from tollgate.v1 import billing_pb2
from tollgate.v1 import payments_pb2 as pb

Named = TypeVar("Named")

PAGE = 1000
PROVIDERS = {
    "": pb.PAYMENT_PROVIDER_UNSPECIFIED,
    "manual": pb.PAYMENT_PROVIDER_MANUAL,
    "stripe": pb.PAYMENT_PROVIDER_STRIPE,
    "robokassa": pb.PAYMENT_PROVIDER_ROBOKASSA,
}
METHODS = {
    "": pb.PAYMENT_METHOD_UNSPECIFIED,
    "card": pb.PAYMENT_METHOD_BANK_CARD,
    "transfer": pb.PAYMENT_METHOD_BANK_TRANSFER,
    "sbp": pb.PAYMENT_METHOD_SBP,
}

app = typer.Typer(no_args_is_help=True, help="Begin top-ups, look at them, confirm, refund.")

TopUpArgument = Annotated[str, typer.Argument(metavar="TOPUP", help="The top-up's id, tu_….")]


@app.command()
def create(
    tenant_id: TenantArgument,
    amount: Annotated[
        int,
        typer.Argument(
            parser=parsing.amount, metavar="AMOUNT", help="What to credit; often 10, 25, 50 or 100."
        ),
    ],
    provider: Annotated[
        str, typer.Option(help="manual, stripe or robokassa; by default the one that is set up.")
    ] = "",
    method: Annotated[
        str, typer.Option(help="card, transfer or sbp; by default the payer chooses.")
    ] = "",
    organisation: Annotated[str, typer.Option(help="The organisation that pays.")] = "",
    request_id: RequestId = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Begin a top-up; prints where to pay."""
    request = pb.CreateTopUpRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        credit_amount_micros=amount,
        provider=_chosen(PROVIDERS, provider, "--provider"),
        method=_chosen(METHODS, method, "--method"),
        organisation_id=organisation,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.CreateTopUp, request)
    if json:
        printing.as_json(reply)
        return
    top_up = reply.top_up
    printing.say(f"Top-up {top_up.top_up_id}: pay {_paid(top_up)}, get {_credit(top_up)}.")
    if top_up.page_url:
        printing.say(f"Pay here: {top_up.page_url}")
    elif top_up.state == pb.TOP_UP_STATE_PENDING:
        if top_up.organisation_id and top_up.pay_currency == "RUB":
            printing.say("Its invoice, for the payer:")
            printing.say(f"  tollgate invoice {tenant_id} --top-up {top_up.top_up_id} --save .")
        printing.say("When the money has come, an administrator confirms it:")
        printing.say(f"  tollgate topup confirm {tenant_id} {top_up.top_up_id}")


@app.command()
def options(
    tenant_id: TenantArgument,
    amount: Annotated[
        int | None, typer.Argument(parser=parsing.amount, metavar="AMOUNT", help="What to credit.")
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Show who takes payments, and what an amount would cost now."""
    request = pb.GetTopUpOptionsRequest(tenant_id=tenant_id, credit_amount_micros=amount or 0)
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.GetTopUpOptions, request)
    columns = ("provider", "methods", "pays in", ">rate", ">pays")
    printing.table(columns, [_option(reply.currency, option) for option in reply.options])
    least, most = (
        show(micros, reply.currency) for micros in (reply.least_micros, reply.most_micros)
    )
    printing.say(f"From {least} to {most} at once.")


@app.command()
def confirm(
    tenant_id: TenantArgument,
    top_up_id: TopUpArgument,
    note: Annotated[str, typer.Option(help="What proves it.")] = "confirmed by hand",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Note that the money of a manual top-up has come; the balance rises at once."""
    request = pb.ConfirmTopUpRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        top_up_id=top_up_id,
        note=note,
    )
    with Connection(server) as connection:
        top_up = connection.ask(connection.billing.ConfirmTopUp, request).top_up
        balance = _balance(connection, tenant_id)
    printing.say(f"Credited {_credit(top_up)}. {tenant_id} has {balance} now.")


@app.command()
def refund(
    tenant_id: TenantArgument,
    top_up_id: TopUpArgument,
    amount: Annotated[
        str, typer.Option(metavar="AMOUNT", help="What was paid back; by default all that is left.")
    ] = "",
    note: Annotated[str, typer.Option(help="Why, for the history.")] = "refunded by hand",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Note that money was paid back: what is there leaves the balance, the rest is owed."""
    with Connection(server) as connection:
        asked = pb.GetTopUpRequest(tenant_id=tenant_id, top_up_id=top_up_id)
        currency = connection.ask(connection.billing.GetTopUp, asked).top_up.pay_currency
        request = pb.RefundTopUpRequest(
            request_id=request_id_or_new(request_id),
            tenant_id=tenant_id,
            top_up_id=top_up_id,
            pay_amount_minor=_minor(amount, currency) if amount else 0,
            note=note,
        )
        top_up = connection.ask(connection.billing.RefundTopUp, request).top_up
        balance = _balance(connection, tenant_id)
    returned = show(top_up.returned_micros, top_up.currency)
    printing.say(f"{returned} of {_credit(top_up)} goes back. {tenant_id} has {balance} now.")


@app.command("list")
def list_top_ups(tenant_id: TenantArgument, server: ServerOption = DEFAULT_SERVER) -> None:
    """List a tenant's top-ups, the newest first, and what it owes."""
    request = pb.ListTopUpsRequest(tenant_id=tenant_id, page_size=PAGE)
    rows, currency = [], ""
    with Connection(server) as connection:
        while True:
            page = connection.ask(connection.billing.ListTopUps, request)
            rows += [_row(top_up) for top_up in page.top_ups]
            currency = page.top_ups[0].currency if page.top_ups else currency
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    if not rows:
        printing.say(f"There are no top-ups yet. Begin one: tollgate topup create {tenant_id} 25")
        return
    columns = ("top-up", "created", "provider", ">pays", ">gets", ">taken back", "state")
    printing.table(columns, rows)
    if page.owed_micros:
        owed = show(page.owed_micros, currency)
        printing.say(f"{tenant_id} owes {owed}; its next payment pays that first.")


@app.command("show")
def show_top_up(
    tenant_id: TenantArgument,
    top_up_id: TopUpArgument,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Show one top-up."""
    asked = pb.GetTopUpRequest(tenant_id=tenant_id, top_up_id=top_up_id)
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.GetTopUp, asked)
    if json:
        printing.as_json(reply)
        return
    top_up = reply.top_up
    rate = top_up.exchange_rate
    pinned = f"{rate.rate} {rate.quote_currency} per {rate.base_currency}, of {rate.day}"
    printing.facts(
        [
            ("top-up", top_up.top_up_id),
            ("number", str(top_up.number)),
            ("state", _word(pb.TopUpState, top_up.state)),
            ("provider", _word(pb.PaymentProvider, top_up.provider)),
            ("pays", _paid(top_up)),
            ("gets", _credit(top_up)),
            ("rate", pinned if top_up.HasField("exchange_rate") else "one currency"),
            ("organisation", top_up.organisation_id or printing.NONE),
            ("page", top_up.page_url or printing.NONE),
            ("created", printing.moment(top_up, "created_at")),
            ("paid", printing.moment(top_up, "paid_at")),
            ("taken back", show(top_up.returned_micros, top_up.currency)),
        ]
    )


def _chosen(known: Mapping[str, Named], given: str, option: str) -> Named:
    if given not in known:
        names = ", ".join(name for name in known if name)
        raise typer.BadParameter(f"must be one of {names}", param_hint=option)
    return known[given]


def _minor(text: str, currency: str) -> int:
    """The minor units of a currency that an amount stands for. Raises typer.BadParameter."""
    minor = Decimal(parsing.amount(text)).scaleb(minor_digits(currency) - 6)
    if minor != minor.to_integral_value():
        raise typer.BadParameter(f"{text!r} is no amount that can be paid in {currency}")
    return int(minor)


def _balance(connection: Connection, tenant_id: str) -> str:
    asked = billing_pb2.GetBalanceRequest(tenant_id=tenant_id)
    balance = connection.ask(connection.billing.GetBalance, asked)
    return show(balance.balance_micros, balance.currency)


def _credit(top_up: pb.TopUp) -> str:
    return show(top_up.credit_amount_micros, top_up.currency)


def _paid(asked: pb.TopUp | pb.TopUpOption) -> str:
    scale: int = 10 ** (6 - minor_digits(asked.pay_currency))
    return show(asked.pay_amount_minor * scale, asked.pay_currency)


def _option(currency: str, option: pb.TopUpOption) -> tuple[str, ...]:
    names = {number: name for name, number in METHODS.items()}
    rate = option.exchange_rate.rate or printing.NONE
    missing = option.pay_currency != currency and not option.HasField("exchange_rate")
    return (
        _word(pb.PaymentProvider, option.provider),
        ", ".join(names[method] for method in option.methods),
        option.pay_currency,
        "not set" if missing else rate,
        _paid(option) if option.HasField("pay_amount_minor") else printing.NONE,
    )


def _row(top_up: pb.TopUp) -> tuple[str, ...]:
    return (
        top_up.top_up_id,
        printing.moment(top_up, "created_at"),
        _word(pb.PaymentProvider, top_up.provider),
        _paid(top_up),
        _credit(top_up),
        show(top_up.returned_micros, top_up.currency) if top_up.returned_micros else printing.NONE,
        _word(pb.TopUpState, top_up.state),
    )


def _word(enum: object, number: int) -> str:
    prefix = "TOP_UP_STATE" if enum is pb.TopUpState else "PAYMENT_PROVIDER"
    return printing.word(enum, number, prefix).lower()
