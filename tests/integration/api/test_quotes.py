"""What a call would cost: the product's worked example, by the tariff's rounding and exactly."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest

from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, fresh_id
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import common_pb2
from tollgate.v1 import quotes_pb2 as pb

WORKED = {"llm_output_tokens": 2_340, "stt_ms": 90_000, "tts_ms": 90_000}
BAD = grpc.StatusCode.INVALID_ARGUMENT


def asking(**fields: object) -> pb.QuoteCallRequest:
    known = {"tariff": "standard", "model": "generic-assistant", "elapsed_ms": 180_000}
    return pb.QuoteCallRequest(**(known | fields))  # type: ignore[arg-type]


async def test_the_worked_example_comes_out_to_the_digit(installation: Installation) -> None:
    for usage in (common_pb2.Usage(quantities=WORKED), None):
        quoted = await installation.admin(asking(usage=usage, analytics=True))
        assert (quoted.total_micros, quoted.exact_micros) == (46_000, 45_200)
        cost = {each.component: each.amount_micros for each in quoted.cost}
        assert cost == {"llm": 12_000, "stt": 9_000, "tts": 23_000, "analytics": 2_000}
        assert sum(each.amount_micros for each in quoted.meters) == 46_000
        assert (quoted.tariff_version, quoted.currency) == ("standard@1", "USD")


async def test_a_quote_is_what_the_call_then_costs(installation: Installation) -> None:
    await installation.tenant("acme", balance=1_000_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    settled = await gateway.posted("c1", 17)
    quoted = await installation.admin(
        pb.QuoteCallRequest(
            tenant_id="acme",
            model="clock",
            elapsed_ms=17_000,
            usage=gateway.settlement("c1", 17).usage,
        )
    )
    assert quoted.total_micros == settled.charged_micros == 17_000


async def test_a_call_below_the_free_period_costs_nothing(installation: Installation) -> None:
    quoted = await installation.admin(asking(elapsed_ms=2_999, analytics=True))
    assert quoted.free
    assert (quoted.total_micros, quoted.exact_micros, list(quoted.cost)) == (0, 0, [])
    assert not (await installation.admin(asking(elapsed_ms=3_000))).free


async def test_a_version_is_named_or_the_one_in_force(installation: Installation) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    book = (await installation.admin(billing.ListTariffsRequest(name="standard"))).tariffs[0]
    book.models[2].meters[6].rate = "0.102"
    book.effective_from.FromDatetime(tomorrow)
    await installation.admin(billing.PutTariffRequest(request_id=fresh_id(), tariff=book))
    now = await installation.admin(asking(analytics=True))
    then = await installation.admin(asking(analytics=True, version=2))
    assert (now.total_micros, then.total_micros) == (46_000, 146_000)
    assert then.tariff_version == "standard@2"


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"tenant_id": "acme"}, "INVALID", "tenant_id"),
        ({"tariff": ""}, "INVALID", "tenant_id"),
        ({"tariff": "Standard!"}, "INVALID", "tariff"),
        ({"model": "gpt-9"}, "UNKNOWN_MODEL", "model"),
        ({"version": 9}, "UNKNOWN_VERSION", "version"),
        ({"version": -1}, "INVALID", "version"),
        ({"elapsed_ms": -1}, "QUANTITY_OUT_OF_RANGE", "elapsed_ms"),
        ({"elapsed_ms": 86_400_001}, "QUANTITY_OUT_OF_RANGE", "elapsed_ms"),
        (
            {"usage": common_pb2.Usage(quantities={"video_ms": 1})},
            "UNKNOWN_METER",
            "usage.quantities",
        ),
        (
            {"usage": common_pb2.Usage(quantities={"stt_ms": -1})},
            "QUANTITY_OUT_OF_RANGE",
            "usage.quantities[stt_ms]",
        ),
    ],
)
async def test_what_cannot_be_priced_is_told_by_its_field(
    installation: Installation, fields: dict[str, object], reason: str, field: str
) -> None:
    assert await installation.admin.told(asking(**fields)) == Told(BAD, reason, field)


async def test_an_unknown_tariff_is_not_found(installation: Installation) -> None:
    told = await installation.admin.told(asking(tariff="nobodys"))
    assert told == Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TARIFF")


async def test_a_tenants_key_asks_its_own_tariff_and_sees_no_other(
    installation: Installation,
) -> None:
    await installation.tenant("acme")
    client = await installation.client("tenant:acme")
    own = pb.QuoteCallRequest(tenant_id="acme", model="clock", elapsed_ms=60_000)
    assert (await client(own)).tariff_version == "clock@1"
    denied = Told(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert await client.told(asking()) == denied
    listed = await client(billing.ListTariffsRequest())
    assert {tariff.name for tariff in listed.tariffs} == {"clock"}
    assert not (await client(billing.ListTariffsRequest(name="standard"))).tariffs
