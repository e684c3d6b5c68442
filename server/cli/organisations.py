"""`tollgate org`: a tenant's legal entities, and the one that its acts are made out to."""

from typing import Annotated, Any

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from tollgate.v1 import organisations_pb2 as pb

PAGE = 1000

app = typer.Typer(
    no_args_is_help=True, help="Add the legal entities that documents are made out to, edit them."
)

OrganisationArgument = Annotated[
    str, typer.Argument(metavar="ORGANISATION", help="The organisation's id, like org-1f2e.")
]
Inn = Annotated[str | None, typer.Option(help="10 digits for a company, 12 for an entrepreneur.")]
Kpp = Annotated[str | None, typer.Option(help="9 characters; with an INN of 10 digits only.")]
Address = Annotated[str | None, typer.Option(help="The legal address.")]
Account = Annotated[str | None, typer.Option(help="The settlement account, 20 digits.")]
Bik = Annotated[str | None, typer.Option(help="The bank's code, 9 digits.")]
Email = Annotated[str | None, typer.Option(help="Where documents are sent.")]


@app.command()
def add(
    tenant_id: TenantArgument,
    name: Annotated[str, typer.Argument(help="The full name, as documents show it.")],
    inn: Inn = None,
    kpp: Kpp = None,
    address: Address = None,
    account: Account = None,
    bik: Bik = None,
    email: Email = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Keep it even if a number cannot be.")
    ] = False,
    payer: Annotated[
        bool, typer.Option("--payer", help="Make the tenant's acts out to it.")
    ] = False,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Add an organisation; every number is checked."""
    name_of_this = request_id_or_new(request_id)
    request = pb.CreateOrganisationRequest(
        request_id=name_of_this,
        tenant_id=tenant_id,
        organisation=pb.Organisation(
            name=name, draft=draft, **_given(inn, kpp, address, account, bik, email)
        ),
    )
    with Connection(server) as connection:
        made = connection.ask(connection.billing.CreateOrganisation, request).organisation
        if payer and not draft:
            made = _choose(
                connection, tenant_id, made.organisation_id, f"{name_of_this[:55]}-payer"
            )
    kind = "the draft" if made.draft else "the organisation"
    printing.say(f"Added {kind} {made.organisation_id}, “{made.name}”.")
    _tell_faults(made)


@app.command("list")
def list_organisations(
    tenant_id: TenantArgument,
    archived: Annotated[bool, typer.Option("--archived", help="List archived ones too.")] = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List a tenant's organisations."""
    request = pb.ListOrganisationsRequest(
        tenant_id=tenant_id, show_archived=archived, page_size=PAGE
    )
    found: list[pb.Organisation] = []
    with Connection(server) as connection:
        while True:
            page = connection.ask(connection.billing.ListOrganisations, request)
            found += page.organisations
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    if not found:
        printing.say(f"There are none yet. Add one: tollgate org add {tenant_id} <name>")
        return
    columns = ("organisation", "name", "INN", "KPP", "account", "BIK", "e-mail", "state")
    printing.table(columns, [_row(each) for each in found])


@app.command()
def show(
    tenant_id: TenantArgument,
    organisation_id: OrganisationArgument,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Show an organisation, and what a draft still lacks."""
    request = pb.GetOrganisationRequest(tenant_id=tenant_id, organisation_id=organisation_id)
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.GetOrganisation, request)
    if json:
        printing.as_json(reply)
        return
    _tell(reply.organisation)


@app.command()
def edit(
    tenant_id: TenantArgument,
    organisation_id: OrganisationArgument,
    name: Annotated[str | None, typer.Option(help="The full name.")] = None,
    inn: Inn = None,
    kpp: Kpp = None,
    address: Address = None,
    account: Account = None,
    bik: Bik = None,
    email: Email = None,
    draft: Annotated[
        bool | None, typer.Option("--draft/--complete", help="Make it a draft, or complete it.")
    ] = None,
    payer: Annotated[
        bool, typer.Option("--payer", help="Make the tenant's acts out to it.")
    ] = False,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Change what is given; documents that were issued stay as they are."""
    given: dict[str, Any] = {"name": name, "draft": draft}
    given = {field: value for field, value in given.items() if value is not None}
    given |= _given(inn, kpp, address, account, bik, email)
    name_of_this = request_id_or_new(request_id)
    if not given and not payer:
        raise typer.BadParameter("give what to change, such as --email; see --help")
    with Connection(server) as connection:
        if given:
            request = pb.UpdateOrganisationRequest(
                request_id=name_of_this,
                tenant_id=tenant_id,
                organisation=pb.Organisation(organisation_id=organisation_id, **given),
            )
            request.update_mask.paths.extend(given)
            changed = connection.ask(connection.billing.UpdateOrganisation, request).organisation
        if payer:
            changed = _choose(connection, tenant_id, organisation_id, f"{name_of_this[:55]}-payer")
    _tell(changed)


@app.command()
def archive(
    tenant_id: TenantArgument,
    organisation_id: OrganisationArgument,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Take an organisation out of use for good; its documents stay."""
    request = pb.ArchiveOrganisationRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        organisation_id=organisation_id,
    )
    with Connection(server) as connection:
        done = connection.ask(connection.billing.ArchiveOrganisation, request).organisation
    printing.say(f"Archived {done.organisation_id}, “{done.name}”.")


def _choose(
    connection: Connection, tenant_id: str, organisation_id: str, request_id: str
) -> pb.Organisation:
    request = pb.SetPayerRequest(
        request_id=request_id, tenant_id=tenant_id, organisation_id=organisation_id
    )
    return connection.ask(connection.billing.SetPayer, request).organisation


def _given(
    inn: str | None,
    kpp: str | None,
    address: str | None,
    account: str | None,
    bik: str | None,
    email: str | None,
) -> dict[str, Any]:
    """The requisites that were given, by their field names."""
    typed = {
        "inn": inn,
        "kpp": kpp,
        "legal_address": address,
        "settlement_account": account,
        "bik": bik,
        "email": email,
    }
    return {field: value for field, value in typed.items() if value is not None}


def _state(organisation: pb.Organisation) -> str:
    if organisation.HasField("archived_at"):
        return "archived"
    if organisation.draft:
        return "draft"
    return "payer" if organisation.payer else "in use"


def _row(organisation: pb.Organisation) -> tuple[str, ...]:
    texts = (
        organisation.organisation_id,
        organisation.name,
        organisation.inn,
        organisation.kpp,
        organisation.settlement_account,
        organisation.bik,
        organisation.email,
    )
    return (*(text or printing.NONE for text in texts), _state(organisation))


def _tell(organisation: pb.Organisation) -> None:
    columns = ("organisation", "name", "INN", "KPP", "account", "BIK", "e-mail", "state")
    rows = list(zip(columns, _row(organisation), strict=True))
    rows.insert(4, ("address", organisation.legal_address or printing.NONE))
    printing.facts(rows)
    _tell_faults(organisation)


def _tell_faults(organisation: pb.Organisation) -> None:
    if organisation.draft:
        printing.say(
            "No document is made out to a draft." + " It lacks:" * bool(organisation.faults)
        )
    for fault in organisation.faults:
        printing.say(f"  {fault.field} {fault.description} ({fault.reason})")
