"""Bad input: each gets its exact code, reason and field, changes nothing, and is not logged raw."""

import base64
import json
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.api.client import Told, told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

INVALID = grpc.StatusCode.INVALID_ARGUMENT
# Part of every text below, so that it is found wherever it shows up.
MARK = "rawinput"
TEN_KB = MARK + "x" * 10_240
BAD_IDS = [
    "",
    f"{{s1}}{MARK}",
    f"{MARK}/c1",
    f"{MARK}\0",
    f"{MARK}\n",
    f"{MARK} ",
    f"!{MARK}",
    f"{MARK}\N{ARABIC-INDIC DIGIT FOUR}",
    f"{MARK}\N{FULLWIDTH DIGIT ONE}",
    TEN_KB,
]
DIGITS = "\N{ARABIC-INDIC DIGIT FOUR}"
TOO_MUCH = 10**12 + 1


def authorize(**fields: Any) -> Message:
    return pb.AuthorizeRequest(
        **({"tenant_id": "acme", "call_id": "c1", "model": "clock"} | fields)
    )


def charge(quantities: dict[str, int] | None = None, **fields: Any) -> Message:
    usage = common_pb2.Usage(quantities=quantities or {})
    good: dict[str, Any] = {"tenant_id": "acme", "call_id": "c1", "usage": usage}
    return pb.ChargeRequest(**(good | fields))


def settle(**fields: Any) -> Message:
    return pb.SettleRequest(**({"tenant_id": "acme", "call_id": "c1", "model": "clock"} | fields))


def adjust(**fields: Any) -> Message:
    good: dict[str, Any] = {
        "request_id": "r",
        "tenant_id": "acme",
        "amount_micros": 5,
        "reason": "by hand",
    }
    return billing.AdjustBalanceRequest(**(good | fields))


def create(**fields: Any) -> Message:
    tenant = billing.Tenant(**({"tenant_id": "globex", "name": "Globex"} | fields))
    return billing.CreateTenantRequest(request_id="r", tenant=tenant)


def update(*paths: str, **fields: Any) -> Message:
    return billing.UpdateTenantRequest(
        request_id="r",
        tenant=billing.Tenant(tenant_id="acme", **fields),
        update_mask=FieldMask(paths=paths or tuple(fields)),
    )


def tariff(change: Any) -> Message:
    changed = clock_tariff()
    change(changed)
    return billing.PutTariffRequest(request_id="r", tariff=changed)


def token(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def wrong(reason: str, field: str) -> Told:
    return Told(INVALID, reason, field)


NO_ID, BAD = "INVALID_ID", "INVALID"
FAR = Timestamp(seconds=253_402_300_800)
IDS = [
    case
    for bad in BAD_IDS
    for case in (
        (authorize(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (authorize(call_id=bad), wrong(NO_ID, "call_id")),
        (authorize(model=bad), wrong(NO_ID, "model")),
        (charge(call_id=bad), wrong(NO_ID, "call_id")),
        (settle(call_id=bad), wrong(NO_ID, "call_id")),
        (pb.GetCallRequest(tenant_id="acme", call_id=bad), wrong(NO_ID, "call_id")),
        (pb.EndCallRequest(tenant_id="acme", call_id=bad), wrong(NO_ID, "call_id")),
        (pb.ListActiveCallsRequest(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (adjust(request_id=bad), wrong(NO_ID, "request_id")),
        (adjust(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (create(tenant_id=bad), wrong(NO_ID, "tenant.tenant_id")),
        (billing.GetBalanceRequest(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (billing.GetTenantRequest(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (billing.ListCallsRequest(tenant_id=bad), wrong(NO_ID, "tenant_id")),
        (billing.RevokeApiKeyRequest(request_id="r", key_id=bad), wrong(NO_ID, "key_id")),
    )
]
CALLS = [
    (authorize(assistant_id=f"{MARK}\n"), wrong(NO_ID, "assistant_id")),
    (authorize(caller=f"{MARK}\x1b[2J"), wrong(BAD, "caller")),
    (authorize(callee=f"{MARK}\0"), wrong(BAD, "callee")),
    (authorize(caller=TEN_KB), wrong(BAD, "caller")),
    (authorize(direction=9), wrong(BAD, "direction")),
    (authorize(elapsed_ms=-1), wrong(BAD, "elapsed_ms")),
    (charge({"stt_ms": -1}), wrong("QUANTITY_OUT_OF_RANGE", "usage.quantities[stt_ms]")),
    (charge({"stt_ms": TOO_MUCH}), wrong("QUANTITY_OUT_OF_RANGE", "usage.quantities[stt_ms]")),
    (charge({"stt_ms": 2**63 - 1}), wrong("QUANTITY_OUT_OF_RANGE", "usage.quantities[stt_ms]")),
    (
        charge({"telephony_ms": 10**12, "analytics_reports": 10**12}),
        wrong("COST_OUT_OF_RANGE", "usage.quantities"),
    ),
    (charge({f"{MARK}": 1}), wrong("UNKNOWN_METER", f"usage.quantities[{MARK}]")),
    (charge({f"{MARK}\n": 1}), wrong("UNKNOWN_METER", "usage.quantities")),
    (charge({f"{MARK}{DIGITS}": 1}), wrong("UNKNOWN_METER", "usage.quantities")),
    (charge({TEN_KB: 1}), wrong("UNKNOWN_METER", "usage.quantities")),
    (charge({f"m{number}": 1 for number in range(33)}), wrong(BAD, "usage.quantities")),
    (charge(elapsed_ms=TOO_MUCH), wrong(BAD, "elapsed_ms")),
    (settle(started_at=Timestamp(seconds=-1)), wrong(BAD, "started_at")),
    (settle(answered_at=Timestamp(nanos=-1)), wrong(BAD, "answered_at")),
    (settle(ended_at=FAR), wrong(BAD, "ended_at")),
    (settle(outcome=common_pb2.OUTCOME_INCOMPLETE), wrong(BAD, "outcome")),
    (settle(outcome=77), wrong(BAD, "outcome")),
    (settle(call_id="c9", model="gpt-9"), wrong("UNKNOWN_MODEL", "model")),
    (settle(call_id="c9", tariff_version=MARK), wrong(BAD, "tariff_version")),
    (settle(call_id="c9", tariff_version="clock@99999999999"), wrong(BAD, "tariff_version")),
    (pb.ListActiveCallsRequest(tenant_id="acme", page_size=-1), wrong(BAD, "page_size")),
    (pb.ListActiveCallsRequest(tenant_id="acme", page_size=1001), wrong(BAD, "page_size")),
    (pb.ListActiveCallsRequest(tenant_id="acme", page_token=MARK), wrong(BAD, "page_token")),
    (
        pb.ListActiveCallsRequest(tenant_id="acme", page_token=token("9" * 20)),
        wrong(BAD, "page_token"),
    ),
    (pb.ListActiveCallsRequest(tenant_id="acme", page_token=token("-1")), wrong(BAD, "page_token")),
]
BILLING = [
    (adjust(amount_micros=0), wrong("AMOUNT_OUT_OF_RANGE", "amount_micros")),
    (adjust(amount_micros=TOO_MUCH), wrong("AMOUNT_OUT_OF_RANGE", "amount_micros")),
    (adjust(amount_micros=-TOO_MUCH), wrong("AMOUNT_OUT_OF_RANGE", "amount_micros")),
    (adjust(amount_micros=-(2**63)), wrong("AMOUNT_OUT_OF_RANGE", "amount_micros")),
    (adjust(reason=""), wrong(BAD, "reason")),
    (adjust(reason=f"{MARK}\0"), wrong(BAD, "reason")),
    (adjust(reason=TEN_KB), wrong(BAD, "reason")),
    (create(name=""), wrong(BAD, "tenant.name")),
    (create(name=f"{MARK}\r"), wrong(BAD, "tenant.name")),
    (create(name=TEN_KB), wrong(BAD, "tenant.name")),
    (create(time_zone="Mars/Olympus"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (create(time_zone="../../etc/passwd"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (create(time_zone="europe/moscow"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (create(time_zone=f"{MARK}\0"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (create(time_zone="localtime"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (create(currency="usd"), wrong(BAD, "tenant.currency")),
    (create(currency="US\N{FULLWIDTH LATIN CAPITAL LETTER D}"), wrong(BAD, "tenant.currency")),
    (create(tariff=MARK), Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TARIFF")),
    (create(tariff=f"{MARK}\0"), wrong(BAD, "tenant.tariff")),
    (create(tariff=TEN_KB), wrong(BAD, "tenant.tariff")),
    *(
        (
            create(limits=billing.Limits(**{limit: amount})),
            wrong("LIMIT_OUT_OF_RANGE", f"tenant.limits.{limit}"),
        )
        for limit, amount in (
            ("daily_cap_micros", -1),
            ("daily_cap_micros", TOO_MUCH),
            ("credit_limit_micros", -1),
            ("concurrent_calls", 10**6 + 1),
            ("call_cost_limit_micros", -(2**63)),
            ("low_balance_threshold_micros", TOO_MUCH),
            ("calls_per_minute", 10**6 + 1),
            ("caller_daily_limit_micros", -1),
            ("call_length_limit_ms", 999),
            ("call_length_limit_ms", TOO_MUCH),
        )
    ),
    (update("currency"), wrong(BAD, "update_mask")),
    (update(f"limits.{MARK}"), wrong(BAD, "update_mask")),
    (update(time_zone="Mars/Olympus"), wrong("UNKNOWN_TIME_ZONE", "tenant.time_zone")),
    (update(tariff=f"{MARK}\0"), wrong(BAD, "tenant.tariff")),
    (
        billing.UpdateTenantRequest(request_id="r", tenant=billing.Tenant(tenant_id="acme")),
        wrong(BAD, "update_mask"),
    ),
    (billing.ListTenantsRequest(page_size=-5), wrong(BAD, "page_size")),
    (billing.ListTenantsRequest(page_token=MARK), wrong(BAD, "page_token")),
    (billing.ListTenantsRequest(page_token=token(f"{MARK}\0")), wrong(BAD, "page_token")),
    (billing.ListTenantsRequest(page_token=token(1)), wrong(BAD, "page_token")),
    (
        billing.ListTenantsRequest(page_token="\N{ARABIC-INDIC DIGIT FOUR}"),
        wrong(BAD, "page_token"),
    ),
    (
        billing.ListCallsRequest(tenant_id="acme", page_token=token("x", "c1")),
        wrong(BAD, "page_token"),
    ),
    (
        billing.ListCallsRequest(
            tenant_id="acme", page_token=token("2024-01-01T00:00:00+00:00", f"{MARK}\0")
        ),
        wrong(BAD, "page_token"),
    ),
    (
        billing.ListCallsRequest(tenant_id="acme", page_token=token("0001-01-01", "c1")),
        wrong(BAD, "page_token"),
    ),
    (
        billing.ListCallsRequest(tenant_id="acme", page_token=token("2024-01-01T00:00:00+00:00")),
        wrong(BAD, "page_token"),
    ),
    (billing.ListCallsRequest(tenant_id="acme", page_token="W" * 5_000), wrong(BAD, "page_token")),
    (billing.ListCallsRequest(tenant_id="acme", settled_from=FAR), wrong(BAD, "settled_from")),
    (billing.ListCallsRequest(tenant_id="acme", settled_before=FAR), wrong(BAD, "settled_before")),
    (
        billing.ListCallsRequest(tenant_id="acme", settled_before=Timestamp(nanos=-1)),
        wrong(BAD, "settled_before"),
    ),
    (billing.ListTariffsRequest(name=f"{MARK}\0"), wrong(BAD, "name")),
    (billing.ListTariffsRequest(name=TEN_KB), wrong(BAD, "name")),
    (billing.CreateApiKeyRequest(request_id="r", name="k"), wrong(BAD, "scopes")),
    (billing.CreateApiKeyRequest(request_id="r", name="k", scopes=[MARK]), wrong(BAD, "scopes")),
    (
        billing.CreateApiKeyRequest(request_id="r", name="k", scopes=["tenant:"]),
        wrong(BAD, "scopes"),
    ),
    (
        billing.CreateApiKeyRequest(request_id="r", name="k", scopes=[f"tenant:{{{MARK}}}"]),
        wrong(BAD, "scopes"),
    ),
    (billing.CreateApiKeyRequest(request_id="r", name="", scopes=["admin"]), wrong(BAD, "name")),
    (
        billing.RevokeApiKeyRequest(request_id="r", key_id="ffff"),
        Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_API_KEY"),
    ),
    (billing.AuditRequest(tenant_id=f"{{{MARK}}}"), wrong(NO_ID, "tenant_id")),
]


def drop_meter(tariff: billing.Tariff) -> None:
    del tariff.models[0].meters[3]


def twice(tariff: billing.Tariff) -> None:
    tariff.models[0].meters.append(tariff.models[0].meters[0])


def no_models(tariff: billing.Tariff) -> None:
    del tariff.models[:]


def priced(**fields: Any) -> Any:
    def change(tariff: billing.Tariff) -> None:
        for name, value in fields.items():
            setattr(tariff.models[0].meters[5], name, value)

    return change


def headed(**fields: Any) -> Any:
    def change(tariff: billing.Tariff) -> None:
        for name, value in fields.items():
            setattr(tariff, name, value)

    return change


def far(tariff: billing.Tariff) -> None:
    tariff.effective_from.CopyFrom(FAR)


def model_name(tariff: billing.Tariff) -> None:
    tariff.models[0].model = f"{{{MARK}}}"


def increment(tariff: billing.Tariff) -> None:
    tariff.models[0].meters[5].increment.CopyFrom(billing.Increment(initial_ms=0, next_ms=-1))


def quantum(tariff: billing.Tariff) -> None:
    tariff.rounding.quantum_micros = -5


def mode(tariff: billing.Tariff) -> None:
    tariff.rounding.mode = 99  # type: ignore[assignment]


TARIFFS = [
    drop_meter,
    twice,
    no_models,
    model_name,
    increment,
    quantum,
    mode,
    far,
    *(
        priced(rate=rate)
        for rate in (
            "",
            "-1",
            "nan",
            "1e3",
            " 1",
            DIGITS,
            "1001",
            "0.0000000000001",
            "0x1",
            "9" * 10_000,
        )
    ),
    priced(unit=billing.RATE_UNIT_PER_CALL),
    priced(unit=77),
    priced(expected_per_minute=-1),
    priced(expected_per_minute=10**9 + 1),
    priced(meter=f"{MARK} "),
    priced(component=f"{MARK}\0"),
    headed(name=f"{MARK}\0"),
    headed(name=TEN_KB),
    headed(currency="usd"),
    headed(currency="EUR"),
    headed(free_period_ms=-1),
    headed(free_period_ms=3_600_001),
]


async def snapshot(installation: Installation) -> Any:
    """All that both stores hold."""
    tables = await installation.ledger(
        "SELECT array_agg(relname::text ORDER BY relname) FROM pg_stat_user_tables"
    )
    rows = [
        await installation.ledger(f"SELECT json_agg(t ORDER BY t::text)::text FROM {name} AS t")
        for name in tables
    ]
    async with installation.redis() as client:
        return rows, {key: await client.dump(key) for key in await client.keys("*")}


def name_of(case: tuple[Message, Told]) -> str:
    return f"{case[0].DESCRIPTOR.name} {case[1].field or case[1].reason}"


async def outcome(installation: Installation, request: Message) -> Told | str:
    """What is told of a request; what else happened when that is no error with details."""
    try:
        return f"replied {await installation.admin(request)}"
    except grpc.aio.AioRpcError as error:
        found = told(error)
        if "UNKNOWN_METER" not in found.reason and MARK in (error.details() or ""):
            return f"echoed {error.details()}"
        return found


async def check(installation: Installation, cases: list[tuple[Message, Told]], logged: Any) -> None:
    """Sends every case; tells of all that went wrong together."""
    await installation.tenant("acme", balance=100_000)
    await Gateway(installation.admin).accepted("c1", caller="", callee="", direction=0)
    before = await snapshot(installation)
    faults = []
    for request, expected in cases:
        found = await outcome(installation, request)
        if found != expected:
            faults.append(f"{str(request)[:120]!r}: {found}, not {expected}")
    assert not faults, "\n".join(faults)
    assert await snapshot(installation) == before
    assert MARK not in logged.readouterr().out


@pytest.mark.both_transports
@pytest.mark.parametrize("cases", [IDS, CALLS, BILLING], ids=["ids", "calls", "billing"])
async def test_bad_input_gets_its_code_reason_and_field_and_changes_nothing(
    installation: Installation, cases: list[tuple[Message, Told]], capsys: Any
) -> None:
    await check(installation, cases, capsys)


async def test_tariffs_that_cannot_be_priced_name_the_field(
    installation: Installation, capsys: Any
) -> None:
    await installation.tenant("acme", balance=100_000)
    before = await snapshot(installation)
    for change in TARIFFS:
        error = await installation.admin.error(tariff(change))
        found = told(error)
        assert (found.code, found.reason) == (INVALID, "INVALID_TARIFF"), change
        assert found.field.startswith("tariff."), change
        assert MARK not in (error.details() or "")
    assert await snapshot(installation) == before
    assert MARK not in capsys.readouterr().out


async def test_invalid_utf8_does_not_reach_a_handler(installation: Installation) -> None:
    method = installation.channel.unary_unary(
        "/tollgate.v1.CallAuthorizationService/GetCall",
        request_serializer=bytes,
        response_deserializer=bytes,
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(b"\x0a\x02\xff\xfe", metadata=installation.admin._metadata, timeout=5)
    assert told(caught.value) == wrong(BAD, "request")


async def test_a_message_above_the_limit_is_refused(installation: Installation) -> None:
    request = billing.ListTariffsRequest(name="x" * (5 * 1024 * 1024))
    error = await installation.admin.error(request)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.both_transports
async def test_a_meter_outside_of_the_tariff_is_unknown_for_a_running_call(
    gateway: Gateway,
) -> None:
    await gateway.accepted()
    usage = common_pb2.Usage(quantities={"telephony_ms": 10_000, "sms_sent": 1})
    request = gateway.report("c1", 10, usage=usage)
    assert await gateway.told(request) == wrong("UNKNOWN_METER", "usage.quantities[sms_sent]")
    assert (await gateway.call()).charged_micros == 0


@pytest.mark.both_transports
async def test_odd_but_legal_input_gets_its_normal_reply(gateway: Gateway) -> None:
    odd = "A-z_0.9@x:+-" + "9" * 52
    await gateway.accepted(odd, caller="Анна +7", callee="☎" * 64)
    assert (await gateway.charge(odd, 10)).charged_micros == 10_000
    await gateway.posted(odd, 5, caller="Анна +7", callee="☎" * 64)
    assert (await gateway.call(odd)).caller == "Анна +7"
