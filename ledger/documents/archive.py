"""Documents in Postgres: issued with the next number and their PDF in one transaction, and read."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from ledger.documents.document import Charges, Contents, Document, Kind, Terms, columns_of
from ledger.documents.roubles import MAX_KOPECKS, kopecks_at, vat_within
from ledger.errors import (
    AmountOutOfRange,
    DocumentDiffers,
    DocumentUnknown,
    EmailMissing,
    NothingCharged,
    PayerMissing,
    UnknownTenant,
)
from ledger.notifications.event import Kind as EventKind
from ledger.notifications.event import write_event
from ledger.notifications.register import require_few
from ledger.organisations.organisation import Organisation
from ledger.organisations.register import SQL as ORGANISATIONS
from ledger.organisations.register import require_usable, share_usable
from ledger.pool import Connection, Pool, Row
from ledger.request import Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("documents")

# Invoices carry the date of this zone, as the sellers' books do.
SELLERS_ZONE = ZoneInfo("Europe/Moscow")
NEWEST = 2**63 - 1

Printer: TypeAlias = Callable[[Contents, datetime], Awaitable[bytes]]


def _now() -> datetime:
    return datetime.now(UTC)


class Documents:
    """Issues documents and keeps them. `printer` makes the PDF of contents; it is asked inside
    the transaction, because the number is on the page, and it may be asked again.

    A repeated request id returns the first document, and raises KeyReused when its content
    differs. Every method raises LedgerUnavailable.
    """

    def __init__(self, pool: Pool, printer: Printer, clock: Callable[[], datetime] = _now) -> None:
        self._pool, self._printer, self._clock = pool, printer, clock
        # Who waits for a number holds no connection that calls need.
        self._turn = asyncio.Lock()

    async def issue_invoice(
        self,
        request_id: str,
        tenant: str,
        organisation: str,
        amount_kopecks: int,
        terms: Terms,
        top_up: str | None = None,
    ) -> Document:
        """Asks an organisation to pay; a top-up has one invoice, which a repeat returns.

        Raises AmountOutOfRange, UnknownTenant, OrganisationUnknown, and NotIssued.
        """
        if not 1 <= amount_kopecks <= MAX_KOPECKS:
            raise AmountOutOfRange(f"an invoice must be over 1 to {MAX_KOPECKS} kopecks")
        digest = content_digest("issue invoice", organisation, amount_kopecks, top_up)

        async def issue(connection: Connection) -> Document:
            if top_up is not None:
                known = await connection.fetchrow(SQL["find_invoice_of"], tenant, top_up)
                if known is not None:
                    return _same(known, organisation=organisation, amount_kopecks=amount_kopecks)
            customer = await share_usable(connection, tenant, organisation)
            at = self._clock()
            dated = at.astimezone(SELLERS_ZONE).date()
            contents = await _numbered(
                connection, Kind.INVOICE, dated, customer, amount_kopecks, terms, None
            )
            return await self._keep(connection, customer, contents, at, top_up)

        return await self._once(Request(tenant, request_id, digest), issue)

    async def issue_act(
        self,
        request_id: str,
        tenant: str,
        charges: Charges,
        terms: Terms,
        *,
        rate_named: bool = True,
    ) -> Document:
        """Says what was done in a month that is over, to the tenant's payer; a month has one act,
        which a repeat returns. Whoever named the rate must name the same again; a rate that was
        looked up may have been set anew since.

        Raises UnknownTenant, AmountOutOfRange, and NotIssued.
        """
        month, rate = charges.month, charges.rate.normalize()
        digest = content_digest("issue act", str(month), str(rate) if rate_named else "")

        async def issue(connection: Connection) -> Document:
            known = await connection.fetchrow(SQL["find_act"], tenant, month.first_day())
            if known is not None:
                return _same(known, **({"rate": charges.rate} if rate_named else {}))
            amount = kopecks_at(charges.amount_micros, charges.rate)
            if amount < 1:
                raise NothingCharged("nothing was charged in the month")
            if amount > MAX_KOPECKS:
                raise AmountOutOfRange(f"an act must be over 1 to {MAX_KOPECKS} kopecks")
            row = await connection.fetchrow(ORGANISATIONS["share_payer"], tenant)
            if row is None:
                raise PayerMissing("choose the organisation that acts are made out to")
            customer = Organisation.from_row(dict(row))
            require_usable(customer)
            contents = await _numbered(
                connection, Kind.ACT, month.last_day(), customer, amount, terms, charges
            )
            return await self._keep(connection, customer, contents, self._clock(), None)

        return await self._once(Request(tenant, request_id, digest), issue)

    async def get(self, tenant: str, document: str) -> Document:
        """One document. Raises DocumentUnknown."""
        async with reading(self._pool) as connection:
            return await _find(connection, tenant, document)

    async def pdf(self, tenant: str, document: str) -> bytes:
        """The file that was made when it was issued. Raises DocumentUnknown."""
        async with reading(self._pool) as connection:
            found: bytes | None = await connection.fetchval(SQL["find_pdf"], tenant, document)
        if found is None:
            raise _unknown()
        return found

    async def send(self, request_id: str, tenant: str, document: str) -> str:
        """Queues it for the organisation's e-mail as that is now, and returns the address.

        Raises DocumentUnknown, EmailMissing, AskedTooOften.
        """
        request = Request(tenant, request_id, content_digest("send document", document))

        async def work(connection: Connection) -> str:
            found = await _find(connection, tenant, document)

            async def queue() -> dict[str, Any]:
                email = await connection.fetchval(SQL["find_email"], tenant, found.organisation)
                if not email:
                    raise EmailMissing("the organisation has no e-mail for documents")
                at = self._clock()
                await require_few(connection, tenant, EventKind.DOCUMENT_ISSUED, at)
                details = {"document": document, "email": email, "asked_for": True}
                await write_event(connection, tenant, EventKind.DOCUMENT_ISSUED, at, details)
                return {"email": email}

            response, _ = await once(connection, request, queue)
            return str(response["email"])

        return await transact(self._pool, work)

    async def list(
        self, tenant: str, limit: int, before_n: int = NEWEST, kind: Kind | None = None
    ) -> Sequence[Document]:
        """At most `limit`, the newest first, from the one before `before_n`; None for any kind."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_documents"], tenant, before_n, kind, limit)
        return [Document.from_row(dict(row)) for row in rows]

    async def _once(
        self, request: Request, issue: Callable[[Connection], Awaitable[Document]]
    ) -> Document:
        async def work(connection: Connection) -> Document:
            async def answer() -> dict[str, Any]:
                # Two at once for one month would both find none.
                if await connection.fetchval(SQL["lock_tenant"], request.scope) is None:
                    raise UnknownTenant("there is no such tenant")
                return {"document": (await issue(connection)).id}

            response, _ = await once(connection, request, answer)
            return await _find(connection, request.scope, response["document"])

        async with self._turn:
            return await transact(self._pool, work)

    async def _keep(
        self,
        connection: Connection,
        customer: Organisation,
        contents: Contents,
        at: datetime,
        top_up: str | None,
    ) -> Document:
        pdf = await self._printer(contents, at)
        document_id = f"doc-{secrets.token_hex(8)}"
        values = columns_of(contents) | {
            "id": document_id,
            "tenant": customer.tenant,
            "organisation": customer.id,
            "email": customer.requisites.email,
            "top_up": top_up,
            "pdf": pdf,
            "pdf_sha256": hashlib.sha256(pdf).digest(),
            "issued_at": at,
        }
        await connection.execute(SQL["insert_document"], *(values[name] for name in COLUMNS))
        if values["email"]:
            details = {"document": document_id, "email": values["email"]}
            await write_event(connection, customer.tenant, EventKind.DOCUMENT_ISSUED, at, details)
        return await _find(connection, customer.tenant, document_id)


# As insert_document takes them.
COLUMNS = (
    "id", "tenant", "kind", "seller_inn", "year", "number", "dated", "organisation", "seller",
    "customer", "amount_kopecks", "vat_percent", "vat_kopecks", "top_up", "month",
    "charged_micros", "currency", "rate", "email", "pdf", "pdf_sha256", "issued_at",
)  # fmt: skip


async def _numbered(
    connection: Connection,
    kind: Kind,
    dated: date,
    customer: Organisation,
    amount_kopecks: int,
    terms: Terms,
    charges: Charges | None,
) -> Contents:
    """The contents with the next number, which is the document's if the transaction commits."""
    seller, vat_percent = terms
    number = await connection.fetchval(SQL["next_number"], seller.inn, kind, dated.year)
    return Contents(
        kind=kind,
        number=number,
        dated=dated,
        seller=seller,
        customer=customer.requisites,
        amount_kopecks=amount_kopecks,
        vat_percent=vat_percent,
        vat_kopecks=None if vat_percent is None else vat_within(amount_kopecks, vat_percent),
        charges=charges,
    )


def _same(row: Row, **content: object) -> Document:
    if any(row[name] != value for name, value in content.items()):
        raise DocumentDiffers("the document was issued before with other content")
    return Document.from_row(dict(row))


async def _find(connection: Connection, tenant: str, document: str) -> Document:
    row = await connection.fetchrow(SQL["find_document"], tenant, document)
    if row is None:
        raise _unknown()
    return Document.from_row(dict(row))


def _unknown() -> DocumentUnknown:
    return DocumentUnknown("there is no such document")
