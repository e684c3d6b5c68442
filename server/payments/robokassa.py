"""Robokassa: signed pay links, and whether a message to ResultURL is signed."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from ledger.payments.facts import Facts
from ledger.payments.top_up import Notice, TopUp
from server.payments.provider import ANY, BANK_CARD, ROBOKASSA, SBP, Page

CURRENCY = "RUB"
MAX_FIELDS = 60
LABELS = {BANK_CARD: "BankCard", SBP: "SBP"}

_SUM = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class NotSigned(Exception):
    """The message is not one that Robokassa signed."""


class Shop(NamedTuple):
    """A shop's login and passwords; `algorithm` is the hash that is set in the shop."""

    login: str
    password1: str
    password2: str
    algorithm: str
    is_test: bool


class Result(NamedTuple):
    """A signed message to ResultURL. `minor` is None for a sum that is no whole kopecks."""

    number: int
    minor: int | None
    is_test: bool

    def notice(self) -> Notice:
        """The payment that it tells of."""
        return Notice(
            event_id=f"result/{self.number}",
            kind="result",
            facts=Facts(paid=True),
            number=self.number,
            pay_minor=-1 if self.minor is None else self.minor,
            pay_currency=CURRENCY,
        )


def signature(algorithm: str, parts: Iterable[str]) -> str:
    """The hash of the parts, joined by colons, in upper-case hex."""
    return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest().upper()


def read_result(body: bytes, shop: Shop) -> Result:
    """The message that a body holds. Raises NotSigned.

    The sum enters the signature as it was sent; parameters that begin with shp_ do, by name.
    """
    fields = _fields(body)
    out_sum, number = fields.get("OutSum", ""), fields.get("InvId", "")
    if not (_SUM.fullmatch(out_sum) and _NUMBER.fullmatch(number)):
        raise NotSigned("fields")
    own = [f"{name}={fields[name]}" for name in sorted(fields) if name.lower().startswith("shp_")]
    expected = signature(shop.algorithm, [out_sum, number, shop.password2, *own])
    given = fields.get("SignatureValue", "").upper()
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise NotSigned("signature")
    kopecks = Decimal(out_sum).scaleb(2)
    minor = int(kopecks) if kopecks == kopecks.to_integral_value() else None
    return Result(int(number), minor, fields.get("IsTest") == "1")


def _fields(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:  # covers UnicodeError
        raise NotSigned("form") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotSigned("a field twice")
    return fields


class RobokassaPages:
    """Pay links: Robokassa is not asked, the payer takes the signed request along."""

    name = ROBOKASSA
    currency = CURRENCY
    methods = frozenset({ANY, *LABELS})

    def __init__(self, shop: Shop, pay_url: str) -> None:
        self._shop, self._pay_url = shop, pay_url

    async def page(self, top_up: TopUp) -> Page:
        """The link for a top-up; its number is the InvId."""
        roubles, kopecks = divmod(top_up.pay_minor, 100)
        out_sum, number = f"{roubles}.{kopecks:02d}", str(top_up.number)
        shop = self._shop
        signed = signature(shop.algorithm, [shop.login, out_sum, number, shop.password1])
        fields = {
            "MerchantLogin": shop.login,
            "OutSum": out_sum,
            "InvId": number,
            "Description": f"Top-up {number}",
            "SignatureValue": signed,
            "Encoding": "utf-8",
        }
        if top_up.method != ANY:
            fields["IncCurrLabel"] = LABELS[top_up.method]
        if shop.is_test:
            fields["IsTest"] = "1"
        return Page(f"{self._pay_url}?{urlencode(fields)}", number)

    async def close(self) -> None:
        """Nothing is held."""
