"""Invoices and acts: listed, downloaded, sent once more."""

import secrets
from urllib.parse import quote

from starlette.responses import Response

from server.console.failing import toast
from server.console.pager import Pager
from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as pb

PAGE_SIZE = 25
KINDS = {"invoice": pb.DOCUMENT_KIND_INVOICE, "act": pb.DOCUMENT_KIND_ACT}
NAMES = {number: name for name, number in KINDS.items()}


async def show_documents(visit: Visit) -> Response:
    """The page."""
    kind = visit.query.get("kind", "")
    kind = kind if kind in KINDS else ""
    pager = Pager.of(visit, {"kind": kind} if kind else {})
    request = pb.ListDocumentsRequest(
        tenant_id=visit.tenant_id,
        kind=KINDS.get(kind, pb.DOCUMENT_KIND_UNSPECIFIED),
        page_size=PAGE_SIZE,
        page_token=pager.page_token,
    )
    found = await visit.ask("ListDocuments", request)
    return visit.page(
        "organisations/documents.html", found=found, kind=kind, names=NAMES, pager=pager
    )


async def download_pdf(visit: Visit) -> Response:
    """The file under its own name."""
    request = pb.DownloadDocumentRequest(
        tenant_id=visit.tenant_id, document_id=visit.request.path_params["document_id"]
    )
    found = await visit.ask("DownloadDocument", request)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.file_name)}"}
    return Response(found.pdf, media_type="application/pdf", headers=headers)


async def send(visit: Visit) -> Response:
    """Queues a mail with the document."""
    request = pb.SendDocumentRequest(
        request_id=secrets.token_urlsafe(16),
        tenant_id=visit.tenant_id,
        document_id=visit.request.path_params["document_id"],
    )
    sent = await visit.ask("SendDocument", request)
    if visit.wants_fragment:
        return toast(visit, visit.words("organisations.documents.sent_to", email=sent.email))
    return visit.see_other(visit.link("organisations", "/documents"))
