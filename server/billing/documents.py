"""Invoices and acts: issued, read, listed, and handed out as PDF."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from ledger.documents.archive import NEWEST, Documents
from ledger.documents.document import Charges, Document, Kind
from ledger.documents.month import Month
from ledger.documents.roubles import MAX_KOPECKS
from ledger.documents.seller import Seller
from ledger.errors import MonthNotOver
from ledger.tenants import Tenants
from server.billing.form import Form
from server.billing.organisations import mutation, row_after, stamp
from server.billing.pending_debits import PendingDebits
from server.billing.settlement_queue import SettlementQueue
from server.documents.selling import terms_of
from server.documents.wording import file_name_of
from server.errors import FailedPrecondition
from server.paging import page_size, token
from tollgate.v1 import organisations_pb2 as pb

MAX_RATE = 1_000_000
ROUBLES = "RUB"
KINDS = {pb.DOCUMENT_KIND_INVOICE: Kind.INVOICE, pb.DOCUMENT_KIND_ACT: Kind.ACT}
NUMBERS = {kind: number for number, kind in KINDS.items()}
_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,8})?")


def _now() -> datetime:
    return datetime.now(UTC)


class DocumentDesk:
    """Answers what is asked of documents."""

    def __init__(
        self,
        documents: Documents,
        tenants: Tenants,
        debits: PendingDebits,
        queue: SettlementQueue,
        seller: Seller,
        vat_percent: int | None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._documents, self._tenants, self._debits = documents, tenants, debits
        self._queue, self._seller, self._vat_percent = queue, seller, vat_percent
        self._clock = clock

    async def issue_invoice(self, request: pb.IssueInvoiceRequest) -> pb.IssueInvoiceResponse:
        """Asks an organisation to pay."""
        form = mutation(request.request_id, request.tenant_id)
        form.id("organisation_id", request.organisation_id)
        if not 1 <= request.pay_amount_kopecks <= MAX_KOPECKS:
            must = f"must be from 1 to {MAX_KOPECKS}"
            form.wrong("pay_amount_kopecks", must, "AMOUNT_OUT_OF_RANGE")
        form.done()
        terms = terms_of(self._seller, self._vat_percent)
        await self._debits.require_unused(request.tenant_id, request.request_id)
        invoice = await self._documents.issue_invoice(
            request.request_id,
            request.tenant_id,
            request.organisation_id,
            request.pay_amount_kopecks,
            terms,
        )
        return pb.IssueInvoiceResponse(document=shown(invoice))

    async def issue_act(self, request: pb.IssueActRequest) -> pb.IssueActResponse:
        """Says what was done in a month that is over."""
        form = mutation(request.request_id, request.tenant_id)
        month = Month.parse(request.month)
        if month is None:
            form.wrong("month", "must be a month such as 2026-03")
        rate = _rate(request.exchange_rate)
        if request.exchange_rate and rate is None:
            must = f"must be a decimal above 0, at most {MAX_RATE}, such as 91.2345"
            form.wrong("exchange_rate", must, "RATE_OUT_OF_RANGE")
        form.done()
        assert month is not None
        terms = terms_of(self._seller, self._vat_percent)
        await self._debits.require_unused(request.tenant_id, request.request_id)
        charges = await self._charges(request.tenant_id, month, rate)
        act = await self._documents.issue_act(request.request_id, request.tenant_id, charges, terms)
        return pb.IssueActResponse(document=shown(act))

    async def _charges(self, tenant_id: str, month: Month, rate: Decimal | None) -> Charges:
        """What was charged in a month that is over and wholly in the ledger."""
        tenant = await self._tenants.get(tenant_id)
        now = self._clock()
        start, end = month.bounds(tenant.zone_at(now))
        if now < end:
            raise MonthNotOver(f"the month ends at {end.isoformat()}")
        if await self._queue.holds_before(tenant_id, end):
            text = "settlements of the month are on their way to the ledger; repeat in a moment"
            raise FailedPrecondition("MONTH_NOT_POSTED", text)
        charged = await self._documents.charged_between(tenant_id, start, end)
        return Charges(month, charged, tenant.currency, _required(rate, tenant.currency))

    async def get(self, request: pb.GetDocumentRequest) -> pb.GetDocumentResponse:
        """Reads one document."""
        found = await self._find(request.tenant_id, request.document_id)
        return pb.GetDocumentResponse(document=shown(found))

    async def list(self, request: pb.ListDocumentsRequest) -> pb.ListDocumentsResponse:
        """A page of documents, the newest first."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        if request.kind and request.kind not in KINDS:
            form.wrong("kind", "must be invoice, act or unspecified")
        form.done()
        size = page_size(request.page_size)
        before = row_after(request.page_token, NEWEST)
        found = await self._documents.list(request.tenant_id, size, before, KINDS.get(request.kind))
        return pb.ListDocumentsResponse(
            documents=[shown(document) for document in found],
            next_page_token=token(str(found[-1].n)) if len(found) == size else "",
        )

    async def download(self, request: pb.DownloadDocumentRequest) -> pb.DownloadDocumentResponse:
        """Hands out the PDF."""
        found = await self._find(request.tenant_id, request.document_id)
        pdf = await self._documents.pdf(found.tenant, found.id)
        return pb.DownloadDocumentResponse(pdf=pdf, file_name=file_name_of(found.contents))

    async def _find(self, tenant_id: str, document_id: str) -> Document:
        form = Form()
        form.id("tenant_id", tenant_id)
        form.id("document_id", document_id)
        form.done()
        return await self._documents.get(tenant_id, document_id)


def _rate(text: str) -> Decimal | None:
    if not _RATE.fullmatch(text):
        return None
    rate = Decimal(text)
    return rate if 0 < rate <= MAX_RATE else None


def _required(rate: Decimal | None, currency: str) -> Decimal:
    form = Form()
    if currency == ROUBLES:
        if rate is not None:
            form.wrong("exchange_rate", "must be empty: the tenant's currency is the rouble")
    elif rate is None:
        must = f"must be given: roubles for 1 {currency} on the month's last day"
        form.wrong("exchange_rate", must, "REQUIRED")
    form.done()
    return Decimal(1) if rate is None else rate


def shown(document: Document) -> pb.Document:
    """The document as clients see it."""
    contents, charges = document.contents, document.contents.charges
    message = pb.Document(
        document_id=document.id,
        kind=NUMBERS[contents.kind],
        number=contents.number,
        dated=contents.dated.isoformat(),
        organisation_id=document.organisation,
        organisation_name=contents.customer.name,
        amount_kopecks=contents.amount_kopecks,
        vat_percent=contents.vat_percent,
        vat_kopecks=contents.vat_kopecks,
        top_up_id=document.top_up or "",
        email=document.email,
        sha256=document.pdf_sha256.hex(),
    )
    if charges is not None:
        message.month = str(charges.month)
        message.charged_micros = charges.amount_micros
        message.currency = charges.currency
        message.exchange_rate = f"{charges.rate.normalize():f}"
    stamp(message.issued_at, document.issued_at)
    if document.sent_at is not None:
        stamp(message.sent_at, document.sent_at)
    return message
