"""Gathers what a message tells beside its event: the forecast, or a document with its PDF."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from ledger.documents.archive import Documents
from ledger.notifications.event import Kind
from ledger.notifications.queue import Delivery
from quota.errors import QuotaError
from server.calls.directory import TenantDirectory
from server.documents.wording import file_name_of, title_of
from server.notifications.forecast import money_ends
from server.notifications.wording import Text, Words, write

ROUBLES = "RUB"

log = structlog.get_logger(__name__)


class Funds(NamedTuple):
    """What a tenant can still spend, and has spent today."""

    left_micros: int
    spent_micros: int


class Writer:
    """Writes the message of a delivery."""

    def __init__(self, documents: Documents, directory: TenantDirectory) -> None:
        self._documents, self._directory = documents, directory

    async def text(self, delivery: Delivery, now: datetime) -> Text:
        """The message. Raises LedgerUnavailable."""
        if delivery.kind is Kind.DOCUMENT_ISSUED:
            return await self._document(delivery, now)
        if delivery.kind is Kind.LOW_BALANCE:
            return write(delivery, now, ends=await self._ends(delivery, now))
        return write(delivery, now)

    async def _document(self, delivery: Delivery, now: datetime) -> Text:
        document = await self._documents.get(delivery.tenant, delivery.details["document"])
        pdf = await self._documents.pdf(document.tenant, document.id)
        contents = document.contents
        text = write(
            delivery,
            now,
            title=title_of(contents),
            amount=Words(delivery, now).minor(contents.amount_kopecks, ROUBLES),
            customer=contents.customer.name,
            seller=contents.seller.name,
        )
        return text._replace(attachment=(file_name_of(contents), pdf))

    async def _ends(self, delivery: Delivery, now: datetime) -> datetime | None:
        """The forecast, from the live balance; none while that is away."""
        try:
            funds = await self._funds(delivery.tenant)
        except QuotaError as error:
            log.warning("a message goes without a forecast", why=type(error).__name__)
            return None
        local = now.astimezone(ZoneInfo(delivery.time_zone))
        day_began = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return money_ends(
            now, day_began.astimezone(now.tzinfo), funds.spent_micros, funds.left_micros
        )

    async def _funds(self, tenant: str) -> Funds:
        account = await self._directory.account(tenant)
        known = self._directory.learn(tenant, account.profile_version, account.profile)
        left = account.balance + account.credit_limit
        return Funds(left, dict(account.spend_by_day).get(known.day.day, 0))
