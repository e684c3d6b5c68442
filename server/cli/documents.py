"""`tollgate invoice`, `tollgate act` and `tollgate document`: issue documents and save them."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ledger.documents.roubles import figures
from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from server.cli.problems import Problem
from tollgate.v1 import organisations_pb2 as pb

PAGE = 1000
NAMES = {pb.DOCUMENT_KIND_INVOICE: "invoice", pb.DOCUMENT_KIND_ACT: "act"}

_ROUBLES = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")

app = typer.Typer(no_args_is_help=True, help="List invoices and acts, and save their PDF.")

SaveOption = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE", help="Write the PDF there, or into that directory."),
]


def _kopecks(text: str) -> int:
    found = _ROUBLES.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no amount of roubles: write it like 15000.00")
    whole, fraction = found.groups()
    return int(whole) * 100 + int((fraction or "").ljust(2, "0"))


def invoice(
    tenant_id: TenantArgument,
    organisation_id: Annotated[
        str, typer.Argument(metavar="[ORGANISATION]", help="Who pays; the top-up may name it.")
    ] = "",
    kopecks: Annotated[
        int | None,
        typer.Argument(
            parser=_kopecks, metavar="[ROUBLES]", help="To pay, like 15000.00; not with --top-up."
        ),
    ] = None,
    top_up: Annotated[
        str, typer.Option(metavar="TOPUP", help="The top-up in roubles that is to be paid, tu_….")
    ] = "",
    save: SaveOption = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Issue an invoice in roubles to one of a tenant's organisations, for a top-up or a sum."""
    if not top_up and (not organisation_id or kopecks is None):
        raise typer.BadParameter("give ORGANISATION and ROUBLES, or --top-up")
    request = pb.IssueInvoiceRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        organisation_id=organisation_id,
        pay_amount_kopecks=kopecks or 0,
        top_up_id=top_up,
    )
    with Connection(server) as connection:
        issued = connection.ask(connection.billing.IssueInvoice, request).document
        _tell(connection, tenant_id, issued, save)


def act(
    tenant_id: TenantArgument,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="The month, like 2026-03.")],
    rate: Annotated[
        str,
        typer.Option(
            help="Roubles for one unit of the currency; by default as set for its last day."
        ),
    ] = "",
    save: SaveOption = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Issue the act of a month that is over; a month has one, and a repeat shows it."""
    request = pb.IssueActRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        month=month,
        exchange_rate=rate,
    )
    with Connection(server) as connection:
        issued = connection.ask(connection.billing.IssueAct, request).document
        _tell(connection, tenant_id, issued, save)


@app.command("list")
def list_documents(
    tenant_id: TenantArgument,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List a tenant's documents, the newest first."""
    request = pb.ListDocumentsRequest(tenant_id=tenant_id, page_size=PAGE)
    found = pb.ListDocumentsResponse()
    with Connection(server) as connection:
        while True:
            page = connection.ask(connection.billing.ListDocuments, request)
            found.documents.extend(page.documents)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    if json:
        printing.as_json(found)
    elif not found.documents:
        printing.say(f"{tenant_id} has no documents yet.")
    else:
        columns = ("document", "kind", ">number", "dated", "made out to", ">roubles", "sent")
        printing.table(columns, [_row(document) for document in found.documents])


@app.command()
def save(
    tenant_id: TenantArgument,
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, like doc-1f2e.")],
    to: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or a directory.")] = Path(),
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Save a document's PDF; the same bytes each time."""
    with Connection(server) as connection:
        _save(connection, tenant_id, document_id, to)


@app.command()
def send(
    tenant_id: TenantArgument,
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, like doc-1f2e.")],
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Send a document by e-mail to its organisation, as is done by itself when it is issued."""
    request = pb.SendDocumentRequest(
        request_id=request_id_or_new(request_id), tenant_id=tenant_id, document_id=document_id
    )
    with Connection(server) as connection:
        email = connection.ask(connection.billing.SendDocument, request).email
    printing.say(f"Queued for {email}. What becomes of it: tollgate notify list {tenant_id}")


def _tell(connection: Connection, tenant_id: str, issued: pb.Document, to: Path | None) -> None:
    vat = f", VAT {_roubles(issued.vat_kopecks)}" if issued.HasField("vat_kopecks") else ""
    printing.say(
        f"{NAMES[issued.kind].capitalize()} {issued.number} of {issued.dated} to "
        f"“{issued.organisation_name}” over {_roubles(issued.amount_kopecks)} roubles{vat}: "
        f"{issued.document_id}"
    )
    if to is not None:
        _save(connection, tenant_id, issued.document_id, to)
    else:
        printing.say(f"  tollgate document save {tenant_id} {issued.document_id}")


def _save(connection: Connection, tenant_id: str, document_id: str, to: Path) -> None:
    request = pb.DownloadDocumentRequest(tenant_id=tenant_id, document_id=document_id)
    reply = connection.ask(connection.billing.DownloadDocument, request)
    path = to / reply.file_name if to.is_dir() else to
    try:
        path.write_bytes(reply.pdf)
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from None
    printing.say(f"Saved {path}, {len(reply.pdf):,} bytes.")


def _row(document: pb.Document) -> tuple[str, ...]:
    return (
        document.document_id,
        NAMES[document.kind],
        str(document.number),
        document.dated,
        document.organisation_name,
        _roubles(document.amount_kopecks),
        printing.moment(document, "sent_at"),
    )


def _roubles(kopecks: int) -> str:
    return figures(kopecks).replace("\u00a0", " ")
