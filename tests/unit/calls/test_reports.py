"""A call's reports are packed as the charges that the ordinary way builds, or left to it."""

import msgpack
import pytest

from ledger.price_book import price_book
from quota.batch import Header, encode
from quota.operation import NONE, Charge
from server.calls.directory import Known
from server.calls.price_book import PriceBook, Pricing
from server.calls.profile import Profile
from server.calls.questions import ChargeQuestion, elapsed_of, quantities_of
from server.calls.reports import Reports
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

CALL = ("acme", "c1")
PROFILE = Profile("UTC", "UTC", NONE, "standard", "USD")
KNOWN = Known(3, PROFILE, PROFILE.day_at(1_772_409_600_000))
HEADER = Header("7", 1, 2, 3, 4, 5, 6, 7, 8, ("20260228", "20260301", "20260302"), "changes")


def pricing(analytics: bool = True) -> Pricing:
    found = PriceBook(None)._pricing(price_book(), "gpt-4o-realtime", analytics)  # type: ignore[arg-type]
    assert found is not None
    return found


def report(elapsed_ms: int | None = 10_000, **quantities: int) -> pb.ChargeRequest:
    usage = common_pb2.Usage(quantities=quantities)
    return pb.ChargeRequest(tenant_id=CALL[0], call_id=CALL[1], usage=usage, elapsed_ms=elapsed_ms)


def ordinary(request: pb.ChargeRequest) -> Charge:
    question = ChargeQuestion(CALL, quantities_of(request.usage), elapsed_of(request))
    return question.build(KNOWN, pricing())


@pytest.mark.parametrize(
    "request_",
    [
        report(llm_input_tokens=60, llm_output_tokens=45, stt_ms=2_400, telephony_ms=5_000),
        report(llm_cached_tokens=0, tts_ms=10**11, analytics_reports=2),
        report(elapsed_ms=0, stt_ms=1),
        report(elapsed_ms=None, stt_ms=1),
        report(),
    ],
)
def test_a_packed_report_is_the_charge_of_the_ordinary_way(request_: pb.ChargeRequest) -> None:
    charge = ordinary(request_)
    packed = Reports(CALL, KNOWN, pricing()).pack(request_)
    assert packed is not None
    assert encode(HEADER, [packed, packed]) == encode(HEADER, [charge, charge])


@pytest.mark.parametrize(
    "request_",
    [
        report(video_ms=1),
        report(**{f"own_{number}": 1 for number in range(9)}),
        report(stt_ms=-1),
        report(stt_ms=10**12 + 1),
        report(llm_output_tokens=10**12),
        report(elapsed_ms=-1),
        report(elapsed_ms=10**12 + 1),
    ],
)
def test_what_is_not_plain_is_left_to_the_ordinary_way(request_: pb.ChargeRequest) -> None:
    assert Reports(CALL, KNOWN, pricing()).pack(request_) is None


def test_a_report_with_as_many_meters_as_are_allowed_stays_as_it_is() -> None:
    request = report(**{f"own_{number}": 1 for number in range(32)})
    assert Reports(CALL, KNOWN, pricing()).pack(request) is None
    assert len(request.usage.quantities) == 32


def test_the_end_of_the_day_ends_them() -> None:
    reports = Reports(CALL, KNOWN, pricing(analytics=False))
    assert reports.until_ms == KNOWN.day.day_end_ms
    [_, [fields]] = msgpack.unpackb(encode(HEADER, [reports.pack(report()) or b""]), raw=True)
    assert fields[4] == [KNOWN.day.day.encode(), KNOWN.day.day_end_ms, KNOWN.day.next_day.encode()]
