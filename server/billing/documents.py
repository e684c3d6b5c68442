"""Invoices and acts: issued, read, listed, and handed out as PDF."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ledger.documents.archive import NEWEST, Documents
from ledger.documents.document import Charges, Document, Kind
from ledger.documents.month import Month
from ledger.documents.roubles import MAX_KOPECKS
from ledger.documents.seller import Seller
from ledger.errors import MonthNotOver
from ledger.history.reader import History
from ledger.payments.exchange_rates import ExchangeRates
from ledger.payments.top_ups import TopUps
from ledger.tenant import Tenant
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
        history: History,
        top_ups: TopUps,
        rates: ExchangeRates,
        seller: Seller,
        vat_percent: int | None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._documents, self._tenants, self._debits = documents, tenants, debits
        self._queue, self._seller, self._vat_percent = queue, seller, vat_percent
        self._history, self._top_ups, self._rates = history, top_ups, rates
        self._clock = clock

    async def issue_invoice(self, request: pb.IssueInvoiceRequest) -> pb.IssueInvoiceResponse:
        """Asks an organisation to pay."""
        form = mutation(request.request_id, request.tenant_id)
        if request.top_up_id:
            form.id("top_up_id", request.top_up_id)
            if request.pay_amount_kopecks:
                form.wrong("pay_amount_kopecks", "must be 0: the top-up says what is to be paid")
        elif not 1 <= request.pay_amount_kopecks <= MAX_KOPECKS:
            must = f"must be from 1 to {MAX_KOPECKS}"
            form.wrong("pay_amount_kopecks", must, "AMOUNT_OUT_OF_RANGE")
        if request.organisation_id or not request.top_up_id:
            form.id("organisation_id", request.organisation_id)
        form.done()
        terms = terms_of(self._seller, self._vat_percent)
        await self._debits.require_unused(request.tenant_id, request.request_id)
        organisation_id, kopecks = await self._asked(request)
        invoice = await self._documents.issue_invoice(
            request.request_id,
            request.tenant_id,
            organisation_id,
            kopecks,
            terms,
            request.top_up_id or None,
        )
        return pb.IssueInvoiceResponse(document=shown(invoice))

    async def _asked(self, request: pb.IssueInvoiceRequest) -> tuple[str, int]:
        """Who is to pay how many kopecks: what a top-up pins goes before what is asked."""
        if not request.top_up_id:
            return request.organisation_id, request.pay_amount_kopecks
        top_up = await self._top_ups.get(request.tenant_id, request.top_up_id)
        if top_up.pay_currency != ROUBLES:
            text = (
                f"the top-up is to be paid in {top_up.pay_currency}, and invoices are in roubles: "
                "bank transfers are asked for in roubles with TOLLGATE_MANUAL_CURRENCY=RUB"
            )
            raise FailedPrecondition("TOP_UP_NOT_IN_ROUBLES", text)
        form = Form()
        payer = top_up.organisation_id or request.organisation_id
        if not payer:
            must = "must be given: the top-up names no organisation"
            form.wrong("organisation_id", must, "REQUIRED")
        elif request.organisation_id not in ("", payer):
            form.wrong("organisation_id", "must be empty, or the one that the top-up names")
        form.done()
        return payer, top_up.pay_minor

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
        act = await self._documents.issue_act(
            request.request_id, request.tenant_id, charges, terms, rate_named=rate is not None
        )
        return pb.IssueActResponse(document=shown(act))

    async def _charges(self, tenant_id: str, month: Month, rate: Decimal | None) -> Charges:
        """What was charged in a month that is over and wholly in the ledger."""
        tenant = await self._tenants.get(tenant_id)
        end = _end_of(month, tenant)
        if self._clock() < end:
            raise MonthNotOver(f"the month ends at {end.isoformat()}")
        if await self._queue.holds_before(tenant_id, end):
            text = "settlements of the month are on their way to the ledger; repeat in a moment"
            raise FailedPrecondition("MONTH_NOT_POSTED", text)
        known = await self._rate_of(month, tenant.currency, rate)
        totals = await self._history.month(tenant_id, month.first_day(), month.last_day())
        return Charges(month, totals.spent_micros, tenant.currency, known)

    async def _rate_of(self, month: Month, currency: str, rate: Decimal | None) -> Decimal:
        """The rate that was asked for, or else the one that is set for the month's last day."""
        if currency == ROUBLES and rate is not None:
            form = Form()
            form.wrong("exchange_rate", "must be empty: the tenant's currency is the rouble")
            form.done()
        if rate is not None:
            return rate
        return (await self._rates.on(currency, ROUBLES, month.last_day())).decimal()

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

    async def send(self, request: pb.SendDocumentRequest) -> pb.SendDocumentResponse:
        """Queues a mail with the PDF."""
        form = mutation(request.request_id, request.tenant_id)
        form.id("document_id", request.document_id)
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        email = await self._documents.send(
            request.request_id, request.tenant_id, request.document_id
        )
        return pb.SendDocumentResponse(email=email)

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


def _end_of(month: Month, tenant: Tenant) -> datetime:
    """When the tenant's month is over: in the zone that counts then, for a zone that changes at
    midnight may begin the month's last hours anew, or skip them.
    """
    zones = {tenant.time_zone, tenant.next_time_zone or tenant.time_zone}
    ends = {zone: month.bounds(zone)[1] for zone in zones}
    just = timedelta(microseconds=1)
    return max(
        (end for zone, end in ends.items() if tenant.zone_at(end - just) == zone),
        default=max(ends.values()),
    )


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
