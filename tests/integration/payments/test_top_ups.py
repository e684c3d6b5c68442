"""Top-ups over the API: what is pinned, the provider's page, and the manual way from end to end."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest

from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.installation import clock_tariff, fresh_id
from tests.integration.payments.office import RATE, TEN_DOLLARS, Office, opened
from tollgate.v1 import billing_pb2
from tollgate.v1 import payments_pb2 as pb

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
INVALID = grpc.StatusCode.INVALID_ARGUMENT
MANUAL, STRIPE = pb.PAYMENT_PROVIDER_MANUAL, pb.PAYMENT_PROVIDER_STRIPE
ROBOKASSA = pb.PAYMENT_PROVIDER_ROBOKASSA
CONSOLE_PAGE = "http://127.0.0.1:8080/console/t/acme/top-up/{}?back=1"


def confirmation(top_up: pb.TopUp, request_id: str = "") -> pb.ConfirmTopUpRequest:
    return pb.ConfirmTopUpRequest(
        request_id=request_id or fresh_id(),
        tenant_id=top_up.tenant_id,
        top_up_id=top_up.top_up_id,
        note="order 17",
    )


def refunding(top_up: pb.TopUp, minor: int = 0, request_id: str = "") -> pb.RefundTopUpRequest:
    return pb.RefundTopUpRequest(
        request_id=request_id or fresh_id(),
        tenant_id=top_up.tenant_id,
        top_up_id=top_up.top_up_id,
        pay_amount_minor=minor,
        note="sent twice",
    )


async def test_stripe_is_asked_for_exactly_what_is_pinned(office: Office) -> None:
    top_up = await office.top_up(STRIPE, method=pb.PAYMENT_METHOD_BANK_CARD)
    assert (top_up.credit_amount_micros, top_up.currency) == (TEN_DOLLARS, "USD")
    assert (top_up.pay_amount_minor, top_up.pay_currency) == (1_000, "USD")
    assert not top_up.HasField("exchange_rate")
    assert top_up.page_url == f"https://checkout.example/{top_up.top_up_id}"
    [asked] = office.stripe.asked
    assert asked.idempotency_key == top_up.top_up_id
    assert asked.authorization == "Bearer sk_test_secret"
    expected = {
        "mode": "payment",
        "client_reference_id": top_up.top_up_id,
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][quantity]": "1",
        "metadata[top_up_id]": top_up.top_up_id,
        "payment_intent_data[metadata][top_up_id]": top_up.top_up_id,
        "allowed_payment_method_types[0]": "card",
        "success_url": CONSOLE_PAGE.format(top_up.top_up_id),
        "cancel_url": CONSOLE_PAGE.format(top_up.top_up_id),
    }
    assert {name: asked.form.get(name) for name in expected} == expected


async def test_payers_come_back_to_where_the_installation_says(install: Install) -> None:
    async with opened(install, payment_return_url="https://shop.example/thanks") as office:
        await office.top_up(STRIPE)
        assert office.stripe.asked[0].form["success_url"] == "https://shop.example/thanks"


async def test_options_tell_who_takes_payments_and_what_an_amount_costs(office: Office) -> None:
    reply = await office.admin(
        pb.GetTopUpOptionsRequest(tenant_id="acme", credit_amount_micros=TEN_DOLLARS)
    )
    assert (reply.currency, reply.least_micros, reply.most_micros) == ("USD", 10**6, 10**10)
    stripe, robokassa, manual = reply.options
    assert (stripe.provider, stripe.pay_currency, stripe.pay_amount_minor) == (STRIPE, "USD", 1_000)
    assert list(stripe.methods) == [pb.PAYMENT_METHOD_BANK_CARD, pb.PAYMENT_METHOD_BANK_TRANSFER]
    assert not stripe.HasField("exchange_rate")
    assert (robokassa.provider, robokassa.pay_currency) == (ROBOKASSA, "RUB")
    assert robokassa.exchange_rate.rate == RATE
    assert manual.provider == MANUAL
    pinned = await office.top_up(ROBOKASSA)
    assert robokassa.pay_amount_minor == pinned.pay_amount_minor == 92_457
    without = await office.admin(pb.GetTopUpOptionsRequest(tenant_id="acme"))
    assert not any(option.HasField("pay_amount_minor") for option in without.options)


async def test_an_option_without_a_rate_tells_no_price(office: Office) -> None:
    tariff = clock_tariff("euro", currency="EUR")
    await office.admin(billing_pb2.PutTariffRequest(request_id="euro-1", tariff=tariff))
    await office.installation.tenant("euro", currency="EUR", tariff="euro")
    reply = await office.admin(
        pb.GetTopUpOptionsRequest(tenant_id="euro", credit_amount_micros=TEN_DOLLARS)
    )
    robokassa = reply.options[1]
    assert robokassa.pay_currency == "RUB"
    assert not robokassa.HasField("exchange_rate")
    assert not robokassa.HasField("pay_amount_minor")


@pytest.mark.parametrize("micros", [999_999, 10**10 + 1, -1])
async def test_options_of_an_amount_out_of_bounds_are_told(office: Office, micros: int) -> None:
    request = pb.GetTopUpOptionsRequest(tenant_id="acme", credit_amount_micros=micros)
    told = Told(INVALID, "AMOUNT_OUT_OF_RANGE", "credit_amount_micros")
    assert await office.admin.told(request) == told


async def test_a_repeat_opens_the_same_page_and_other_content_is_refused(office: Office) -> None:
    first = await office.top_up(request_id="again")
    assert await office.top_up(request_id="again") == first
    assert len(office.stripe.asked) == 1
    other = pb.CreateTopUpRequest(
        request_id="again", tenant_id="acme", provider=STRIPE, credit_amount_micros=TEN_DOLLARS + 1
    )
    assert await office.admin.told(other) == Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (500, Told(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")),
        (429, Told(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")),
        (401, Told(PRECONDITION, "PROVIDER_REFUSED")),
        (400, Told(PRECONDITION, "PROVIDER_REFUSED")),
    ],
)
async def test_a_failing_stripe_is_told_and_the_repeat_goes_on_where_it_stopped(
    office: Office, status: int, told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    office.stripe.fails_with = (status, "api_key_expired")
    request = pb.CreateTopUpRequest(
        request_id="again", tenant_id="acme", provider=STRIPE, credit_amount_micros=TEN_DOLLARS
    )
    assert await office.admin.told(request) == told
    office.stripe.fails_with = None
    top_up = (await office.admin(request)).top_up
    assert top_up.page_url
    assert {asked.idempotency_key for asked in office.stripe.asked} == {top_up.top_up_id}
    assert len((await office.admin(pb.ListTopUpsRequest(tenant_id="acme"))).top_ups) == 1
    assert "sk_test_secret" not in "".join(capfd.readouterr())


async def test_robokassa_gets_a_signed_link_in_roubles_rounded_up(office: Office) -> None:
    top_up = await office.top_up(ROBOKASSA, method=pb.PAYMENT_METHOD_SBP)
    assert (top_up.pay_amount_minor, top_up.pay_currency) == (92_457, "RUB")  # 924.567 roubles
    assert (top_up.exchange_rate.rate, top_up.exchange_rate.day) == ("92.4567", "2020-01-01")
    link = urlsplit(top_up.page_url)
    fields = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert fields["OutSum"] == "924.57"
    assert fields["InvId"] == str(top_up.number)
    assert fields["IncCurrLabel"] == "SBP"
    assert "IsTest" not in fields
    assert "pw1" not in top_up.page_url


async def test_a_rate_set_later_changes_no_top_up_that_is_pinned(office: Office) -> None:
    before = await office.top_up(ROBOKASSA)
    rate = pb.ExchangeRate(base_currency="USD", quote_currency="RUB", rate="100", day="2020-01-01")
    await office.admin(pb.SetExchangeRateRequest(request_id=fresh_id(), exchange_rate=rate))
    assert await office.look(before) == before
    assert (await office.top_up(ROBOKASSA)).pay_amount_minor == 100_000
    [listed] = (await office.admin(pb.ListExchangeRatesRequest())).exchange_rates
    assert (listed.rate, listed.day) == ("100", "2020-01-01")


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo"])
async def test_a_rate_of_today_counts_today_in_every_zone(office: Office, zone: str) -> None:
    office.installation.parts.payments.top_ups._clock = lambda: datetime(2026, 3, 2, 1, tzinfo=UTC)
    await office.installation.tenant("zoned", time_zone=zone)
    for day, rate in (("2026-03-02", "100"), ("2026-03-03", "200")):
        told = pb.ExchangeRate(base_currency="USD", quote_currency="RUB", rate=rate, day=day)
        await office.admin(pb.SetExchangeRateRequest(request_id=fresh_id(), exchange_rate=told))
    top_up = await office.top_up(ROBOKASSA, tenant_id="zoned")
    assert top_up.exchange_rate.day == "2026-03-02"


async def test_without_a_rate_the_pair_is_named(office: Office) -> None:
    await office.installation.admin(
        pb.SetExchangeRateRequest(
            request_id=fresh_id(),
            exchange_rate=pb.ExchangeRate(
                base_currency="EUR", quote_currency="RUB", rate="99", day="2999-01-01"
            ),
        )
    )
    tariff = clock_tariff("euro", currency="EUR")
    await office.admin(billing_pb2.PutTariffRequest(request_id="euro-1", tariff=tariff))
    await office.installation.tenant("euro", currency="EUR", tariff="euro")
    request = pb.CreateTopUpRequest(
        request_id="r", tenant_id="euro", provider=ROBOKASSA, credit_amount_micros=TEN_DOLLARS
    )
    error = await office.admin.error(request)
    assert error.code() is PRECONDITION
    assert "tollgate rate set EUR RUB" in str(error.details())


async def test_a_provider_that_is_not_set_up_names_its_settings(install: Install) -> None:
    async with opened(install, stripe_webhook_secret=None, robokassa_login=None) as office:
        request = pb.CreateTopUpRequest(
            request_id="r", tenant_id="acme", provider=STRIPE, credit_amount_micros=TEN_DOLLARS
        )
        error = await office.admin.error(request)
        assert error.code() is PRECONDITION
        assert "TOLLGATE_STRIPE_WEBHOOK_SECRET" in str(error.details())
        assert (await office.top_up(pb.PAYMENT_PROVIDER_UNSPECIFIED)).provider == MANUAL
        for path in ("/webhooks/stripe", "/webhooks/robokassa"):
            assert (await office.web.post(path, content=b"x")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"micros": 999_999}, Told(INVALID, "AMOUNT_OUT_OF_RANGE", "credit_amount_micros")),
        ({"micros": 10**10 + 1}, Told(INVALID, "AMOUNT_OUT_OF_RANGE", "credit_amount_micros")),
        ({"provider": 99}, Told(INVALID, "INVALID", "provider")),
        ({"method": 99}, Told(INVALID, "INVALID", "method")),
        ({"provider": 0}, Told(INVALID, "PROVIDER_AMBIGUOUS", "provider")),
        ({"organisation_id": "a/b"}, Told(INVALID, "INVALID_ID", "organisation_id")),
        ({"method": pb.PAYMENT_METHOD_SBP}, Told(PRECONDITION, "METHOD_NOT_OFFERED")),
        ({"tenant_id": "nobody"}, Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TENANT")),
    ],
)
async def test_what_cannot_be_topped_up_is_told(
    office: Office, fields: dict[str, object], told: Told
) -> None:
    good: dict[str, object] = {"request_id": "r", "tenant_id": "acme", "provider": STRIPE}
    good["credit_amount_micros"] = fields.pop("micros", TEN_DOLLARS)
    request = pb.CreateTopUpRequest(**(good | fields))  # type: ignore[arg-type]
    assert await office.admin.told(request) == told
    assert not office.stripe.asked
    assert not (await office.admin(pb.ListTopUpsRequest(tenant_id="acme"))).top_ups


async def test_a_manual_top_up_is_credited_when_it_is_confirmed_once(office: Office) -> None:
    top_up = await office.top_up(MANUAL)
    assert (top_up.state, top_up.page_url) == (pb.TOP_UP_STATE_PENDING, "")
    assert await office.balance() == 0
    request = confirmation(top_up, "confirm")
    for _ in range(2):
        confirmed = (await office.admin(request)).top_up
        assert confirmed.state == pb.TOP_UP_STATE_SUCCEEDED
        assert confirmed.HasField("paid_at")
        assert await office.balance() == TEN_DOLLARS
    assert await office.admin.told(confirmation(top_up)) == Told(PRECONDITION, "WRONG_STATE")
    assert await office.postings() == [("top_up", TEN_DOLLARS)]
    await office.installation.settled_down()


async def test_a_manual_top_up_is_refunded_in_parts_that_add_up(office: Office) -> None:
    top_up = await office.top_up(MANUAL, 1_000_001)
    assert top_up.pay_amount_minor == 101  # a cent covers the last micro
    told = await office.admin.told(refunding(top_up))
    assert told == Told(PRECONDITION, "WRONG_STATE")
    await office.admin(confirmation(top_up))
    half = (await office.admin(refunding(top_up, 50, "half"))).top_up
    assert (await office.admin(refunding(top_up, 50, "half"))).top_up == half
    assert (half.state, half.returned_micros) == (pb.TOP_UP_STATE_SUCCEEDED, 495_050)
    assert await office.admin.told(refunding(top_up, 52)) == Told(PRECONDITION, "WRONG_STATE")
    whole = (await office.admin(refunding(top_up))).top_up
    assert (whole.state, whole.returned_micros) == (pb.TOP_UP_STATE_REFUNDED, 1_000_001)
    await office.installation.settled_down()
    assert (await office.balance(), await office.owed()) == (0, 0)


async def test_what_a_provider_tells_of_itself_is_not_noted_by_hand(office: Office) -> None:
    top_up = await office.top_up(STRIPE)
    for request in (confirmation(top_up), refunding(top_up)):
        assert await office.admin.told(request) == Told(PRECONDITION, "WRONG_PROVIDER")
    assert await office.balance() == 0


async def test_top_ups_are_listed_by_pages_the_newest_first(office: Office) -> None:
    made = [(await office.top_up(MANUAL)).top_up_id for _ in range(5)]
    seen, token = [], ""
    while True:
        page = await office.admin(
            pb.ListTopUpsRequest(tenant_id="acme", page_size=2, page_token=token)
        )
        seen += [top_up.top_up_id for top_up in page.top_ups]
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]


async def test_a_top_up_of_another_tenant_is_unknown(office: Office) -> None:
    top_up = await office.top_up(MANUAL)
    await office.installation.tenant("globex")
    top_up.tenant_id = "globex"
    unknown = Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TOP_UP")
    asked = pb.GetTopUpRequest(tenant_id="globex", top_up_id=top_up.top_up_id)
    for request in (asked, confirmation(top_up), refunding(top_up)):
        assert await office.admin.told(request) == unknown


async def test_a_request_id_of_a_debit_is_taken(office: Office) -> None:
    top_up = await office.top_up(MANUAL)
    await office.admin(confirmation(top_up))
    await office.installation.adjust("acme", -5, "taken")
    other = await office.top_up(MANUAL)
    told = await office.admin.told(confirmation(other, "taken"))
    assert told == Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
