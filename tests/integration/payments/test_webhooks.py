"""Webhooks over HTTP: what is credited, and every misuse with its exact code, changing nothing."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from server.metrics import ALARMS
from tests.integration.api.conftest import Install
from tests.integration.payments.messages import (
    STRIPE_SECRET,
    completed,
    event,
    packed,
    result,
    session,
    stripe_header,
)
from tests.integration.payments.office import TEN_DOLLARS, Office, opened
from tollgate.v1 import payments_pb2 as pb

ROBOKASSA = pb.PAYMENT_PROVIDER_ROBOKASSA
NOTHING: tuple[int, list[tuple[str, int]], int] = (0, [], pb.TOP_UP_STATE_PENDING)


def alarms(why: str) -> float:
    """How often an alarm was raised."""
    return float(ALARMS.labels(f"webhook_{why}")._value.get())


async def standing(office: Office, top_up: pb.TopUp) -> tuple[int, list[tuple[str, int]], int]:
    """Live balance, postings and state."""
    return await office.balance(), await office.postings(), (await office.look(top_up)).state


async def test_a_payment_is_credited_once_however_often_it_is_told(office: Office) -> None:
    top_up = await office.top_up()
    message = completed(top_up)
    assert [await office.tell(message) for _ in range(3)] == [200, 200, 200]
    assert await office.tell(completed(top_up)) == 200  # the same payment in another event
    succeeded = event("checkout.session.async_payment_succeeded", session(top_up))
    assert await office.tell(succeeded) == 200
    assert await standing(office, top_up) == (
        TEN_DOLLARS,
        [("top_up", TEN_DOLLARS)],
        pb.TOP_UP_STATE_SUCCEEDED,
    )
    await office.installation.settled_down()


async def test_fifty_duplicates_at_once_credit_once(office: Office) -> None:
    top_up = await office.top_up()
    same = completed(top_up)
    messages = [same if number % 2 else completed(top_up) for number in range(50)]
    codes = await asyncio.gather(*(office.tell(message) for message in messages))
    assert set(codes) == {200}
    assert await office.postings() == [("top_up", TEN_DOLLARS)]
    assert await office.balance() == TEN_DOLLARS
    await office.installation.settled_down()


async def test_a_payment_that_takes_days_is_credited_when_it_has_come(office: Office) -> None:
    top_up = await office.top_up()
    assert await office.tell(completed(top_up, payment_status="unpaid")) == 200
    assert await standing(office, top_up) == NOTHING
    assert (
        await office.tell(event("checkout.session.async_payment_succeeded", session(top_up))) == 200
    )
    assert await office.balance() == TEN_DOLLARS


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("checkout.session.async_payment_failed", pb.TOP_UP_STATE_FAILED),
        ("checkout.session.expired", pb.TOP_UP_STATE_EXPIRED),
    ],
)
async def test_a_top_up_that_failed_is_credited_when_the_money_comes_nevertheless(
    office: Office, kind: str, state: int
) -> None:
    top_up = await office.top_up()
    unpaid = session(top_up, payment_status="unpaid")
    assert await office.tell(event(kind, unpaid)) == 200
    assert await standing(office, top_up) == (0, [], state)
    assert await office.tell(completed(top_up)) == 200
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_SUCCEEDED
    assert await office.balance() == TEN_DOLLARS


async def test_an_event_that_tells_nothing_of_a_payment_is_taken(office: Office) -> None:
    assert await office.tell(event("customer.created", {"id": "cus_1"})) == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {}, "client_reference_id": None},
        {"metadata": {"cart": "7"}, "client_reference_id": "user_42"},
        {"metadata": None, "client_reference_id": None, "payment_intent": "pi_other"},
        {"mode": "subscription", "payment_intent": None},
        {"mode": "setup", "payment_intent": None, "amount_total": None, "currency": None},
    ],
)
async def test_a_session_of_something_else_is_taken_and_changes_nothing(
    office: Office, fields: dict[str, Any]
) -> None:
    top_up, before = await office.top_up(), alarms("unknown_top_up")
    assert await office.tell(completed(top_up, **fields)) == 200
    assert await standing(office, top_up) == NOTHING
    assert alarms("unknown_top_up") == before


Change = Callable[[dict[str, Any]], object]
MISUSES: dict[str, tuple[Change, int, str]] = {
    "other amount": (lambda e: e["data"]["object"].update(amount_total=999), 409, "amount"),
    "more money": (lambda e: e["data"]["object"].update(amount_total=10**9), 409, "amount"),
    "other currency": (lambda e: e["data"]["object"].update(currency="eur"), 409, "currency"),
    "another session": (lambda e: e["data"]["object"].update(id="cs_x"), 409, "provider_ref"),
    "live event on a test account": (lambda e: e.update(livemode=True), 403, "mode"),
    "another account": (lambda e: e.update(account="acct_other"), 403, "account"),
    "unknown top-up": (
        lambda e: e["data"]["object"]["metadata"].update(top_up_id="tu_none"),
        404,
        "unknown_top_up",
    ),
    "amount as text": (
        lambda e: e["data"]["object"].update(amount_total="1000"),
        400,
        "amount_total",
    ),
    "amount as a fraction": (
        lambda e: e["data"]["object"].update(amount_total=1000.0),
        400,
        "amount_total",
    ),
    "no event id": (lambda e: e.pop("id"), 400, "id"),
    "no mode": (lambda e: e.pop("livemode"), 400, "livemode"),
    "no object": (lambda e: e.update(data=None), 400, "data_object"),
}


@pytest.mark.parametrize("misuse", MISUSES)
async def test_a_signed_event_that_does_not_fit_changes_nothing(
    office: Office, misuse: str
) -> None:
    change, code, why = MISUSES[misuse]
    top_up, before = await office.top_up(), alarms(why)
    message = completed(top_up)
    change(message)
    assert await office.tell(message) == code
    assert await standing(office, top_up) == NOTHING
    assert alarms(why) == before + 1
    assert await office.tell(completed(top_up)) == 200  # the right one is still taken
    assert await office.balance() == TEN_DOLLARS


async def test_a_test_mode_event_on_a_live_account_changes_nothing(install: Install) -> None:
    async with opened(install, stripe_secret_key=SecretStr("sk_live_secret")) as office:
        top_up = await office.top_up()
        assert await office.tell(completed(top_up)) == 403
        assert await standing(office, top_up) == NOTHING
        assert await office.tell(completed(top_up) | {"livemode": True}) == 200
        assert await office.balance() == TEN_DOLLARS


def _headers(body: bytes) -> dict[str, tuple[str, str]]:
    good, now = stripe_header(body), time.time()
    moment, mac = good.split(",")
    return {
        "wrong secret": (stripe_header(body, "whsec_other"), "signature"),
        "signature of another body": (stripe_header(body + b" "), "signature"),
        "six minutes old": (stripe_header(body, at=now - 360), "stale"),
        "six minutes ahead": (stripe_header(body, at=now + 360), "stale"),
        "two timestamps": (f"{moment},{good}", "timestamp"),
        "no timestamp": (mac, "timestamp"),
        "no signature": (moment, "signature"),
        "only v0": (good.replace("v1=", "v0="), "signature"),
        "empty": ("", "timestamp"),
        "foreign digits": (good.replace("t=", "t=\N{ARABIC-INDIC DIGIT ONE}"), "timestamp"),
    }


@pytest.mark.parametrize("misuse", _headers(b""))
async def test_a_wrong_signature_changes_nothing(office: Office, misuse: str) -> None:
    top_up = await office.top_up()
    body = packed(completed(top_up))
    header, why = _headers(body)[misuse]
    before = alarms(why)
    answer = await office.web.post(
        "/webhooks/stripe", content=body, headers={b"stripe-signature": header.encode()}
    )
    assert answer.status_code == 400
    assert alarms(why) == before + 1
    assert await standing(office, top_up) == NOTHING


async def test_any_v1_will_do_while_secrets_are_changed(office: Office) -> None:
    top_up = await office.top_up()
    body = packed(completed(top_up))
    moment, mac = stripe_header(body).split(",")
    answer = await office.post(body, f"{moment},v1={'0' * 64},v0=x,{mac}")
    assert answer.status_code == 200
    assert await office.balance() == TEN_DOLLARS


async def test_what_is_no_event_is_refused_whoever_signed_it(office: Office) -> None:
    for body in (b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000):
        assert (await office.post(body, stripe_header(body))).status_code == 400, body[:10]
    assert (await office.web.post("/webhooks/stripe", content=b"{}")).status_code == 400
    assert (await office.web.get("/webhooks/stripe")).status_code == 405
    long = b" " * (256 * 1024 + 1)
    assert (await office.post(long, stripe_header(long))).status_code == 413


async def test_an_unsigned_body_is_not_logged(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    await office.post(b'{"rawinput": 1}', "t=1,v1=rawinput")
    await office.robokassa(b"OutSum=rawinput&InvId=1&SignatureValue=rawinput")
    told = "".join(capfd.readouterr())
    assert "webhook is refused" in told
    for secret in ("rawinput", STRIPE_SECRET, "pw1", "pw2", "sk_test_secret"):
        assert secret not in told


async def test_robokassa_is_answered_with_the_number_it_sent(office: Office) -> None:
    top_up = await office.top_up(ROBOKASSA)
    for out_sum in ("924.57", "924.570000", "0924.57", "924.57"):
        answer = await office.robokassa(result(top_up.number, out_sum))
        assert (answer.status_code, answer.text) == (200, f"OK{top_up.number}")
    assert await office.postings() == [("top_up", TEN_DOLLARS)]
    assert await office.balance() == TEN_DOLLARS
    await office.installation.settled_down()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"out_sum": "924.56"}, 409),
        ({"out_sum": "924.571"}, 409),
        ({"out_sum": "9245700"}, 409),
        ({"number": 77}, 404),
        ({"password": "pw1"}, 400),
        ({"algorithm": "sha256"}, 400),
        ({"SignatureValue": "0" * 32}, 400),
        ({"IsTest": "1"}, 403),
        ({"OutSum": "1.00"}, 400),
        ({"InvId": "2"}, 400),
        ({"out_sum": "-924.57"}, 400),
        ({"out_sum": "9.2457e2"}, 400),
        ({"out_sum": "924,57"}, 400),
        ({"out_sum": "٩24.57"}, 400),
    ],
)
async def test_a_result_that_does_not_fit_changes_nothing(
    office: Office, change: dict[str, Any], code: int
) -> None:
    top_up = await office.top_up(ROBOKASSA)
    given: dict[str, Any] = {"number": top_up.number, "out_sum": "924.57"} | change
    assert (await office.robokassa(result(**given))).status_code == code
    assert await standing(office, top_up) == NOTHING
    assert (await office.robokassa(result(top_up.number, "924.57"))).status_code == 200
    # After it was paid another amount is still refused.
    other = result(top_up.number, "924.58")
    assert (await office.robokassa(other)).status_code == 409
    assert await office.postings() == [("top_up", TEN_DOLLARS)]


async def test_a_field_that_is_given_twice_is_refused(office: Office) -> None:
    top_up = await office.top_up(ROBOKASSA)
    body = result(top_up.number, "924.57") + b"&OutSum=1.00"
    assert (await office.robokassa(body)).status_code == 400
    assert await standing(office, top_up) == NOTHING


async def test_a_shops_other_hash_and_own_parameters_are_understood(install: Install) -> None:
    async with opened(install, robokassa_hash="sha256", robokassa_test=True) as office:
        top_up = await office.top_up(ROBOKASSA)
        assert "IsTest=1" in top_up.page_url
        body = result(top_up.number, "924.57", algorithm="sha256", IsTest="1", Shp_b="2", Shp_a="é")
        assert (await office.robokassa(body)).text == f"OK{top_up.number}"


async def test_a_number_of_another_provider_is_unknown(office: Office) -> None:
    top_up = await office.top_up(pb.PAYMENT_PROVIDER_STRIPE)
    assert (await office.robokassa(result(top_up.number, "10.00"))).status_code == 404
    assert await standing(office, top_up) == NOTHING
