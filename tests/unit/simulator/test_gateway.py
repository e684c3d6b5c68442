"""What a simulated gateway does with the replies it gets."""

from dataclasses import replace
from typing import TypeVar

import pytest

from server.simulator import gateway as module
from server.simulator.clock import Clock
from server.simulator.exchange import Away
from server.simulator.gateway import Gateway
from server.simulator.plan import CallPlan, plan_calls
from server.simulator.tally import Tally, TenantTally
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

REPORT_MS = 5_000
GRANT = pb.Grant(reserved_micros=1_000, seconds_left=60, valid_for_ms=60_000)
ACCEPTED = pb.AuthorizeResponse(decision=pb.DECISION_ACCEPTED, grant=GRANT)
POSTED = pb.SettleResponse(settlement=common_pb2.SETTLEMENT_POSTED, charged_micros=7)
PLAN = replace(
    next(plan_calls("run", 1, ["t"], 60)),
    ring_ms=2_000,
    answered=True,
    talk_ms=23_000,
)


class Instant(Clock):
    """A clock that is where it was told to sleep until."""

    def __init__(self) -> None:
        super().__init__(1)
        self.now = 0

    def now_ms(self) -> int:
        return self.now

    async def sleep_until(self, moment_ms: float) -> None:
        self.now = max(self.now, int(moment_ms))


Reply = TypeVar("Reply")


class Script:
    """An exchange that answers by a script; the last answer is repeated."""

    def __init__(self, charges: list[object], settles: list[object], first: object) -> None:
        self._charges, self._settles, self._first = charges, settles, first
        self.authorized: list[pb.AuthorizeRequest] = []
        self.charged: list[pb.ChargeRequest] = []
        self.settled: list[pb.SettleRequest] = []

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        self.authorized.append(request)
        return _answer([self._first], 0, pb.AuthorizeResponse)

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        self.charged.append(request)
        return _answer(self._charges, len(self.charged) - 1, pb.ChargeResponse)

    async def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        self.settled.append(request)
        return _answer(self._settles, len(self.settled) - 1, pb.SettleResponse)


def _answer(answers: list[object], place: int, kind: type[Reply]) -> Reply:
    answer = answers[min(place, len(answers) - 1)]
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, kind)
    return answer


def _told(directive: pb.Directive.ValueType, **grant: int) -> pb.ChargeResponse:
    granted = pb.Grant(
        **{"reserved_micros": 1_000, "seconds_left": 60, "valid_for_ms": 60_000} | grant
    )
    return pb.ChargeResponse(directive=directive, grant=granted)


CONTINUE = _told(pb.DIRECTIVE_CONTINUE)


async def _carry(
    plan: CallPlan = PLAN,
    charges: list[object] | None = None,
    settles: list[object] | None = None,
    first: object = ACCEPTED,
) -> tuple[Script, TenantTally, Tally]:
    exchange = Script(charges or [CONTINUE], settles or [POSTED], first)
    tally = Tally(["t"])
    await Gateway(exchange, Instant(), tally, report_ms=REPORT_MS).carry(plan)
    return exchange, tally.tenants["t"], tally


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)


async def test_a_call_reports_cumulative_usage_and_settles_at_its_end() -> None:
    exchange, counts, tally = await _carry()
    assert [report.elapsed_ms for report in exchange.charged] == [5_000, 10_000, 15_000, 20_000]
    (settle,) = exchange.settled
    assert settle.elapsed_ms == 23_000
    assert settle.outcome == common_pb2.OUTCOME_COMPLETED
    assert settle.ended_at.ToMilliseconds() - settle.answered_at.ToMilliseconds() == 23_000
    assert (counts.accepted, counts.settled, counts.posted, counts.active) == (1, 1, 1, 0)
    assert counts.charged_micros == 7
    assert tally.posted_calls == [("t", PLAN.call_id)]


async def test_a_refused_call_sends_nothing_more() -> None:
    refusal = pb.Refusal(reason=pb.REFUSAL_REASON_DAILY_CAP_REACHED)
    rejected = pb.AuthorizeResponse(decision=pb.DECISION_REJECTED, refusal=refusal)
    exchange, counts, _ = await _carry(first=rejected)
    assert counts.refused == {"DAILY_CAP_REACHED": 1}
    assert (exchange.charged, exchange.settled) == ([], [])


async def test_an_unanswered_call_settles_without_usage() -> None:
    exchange, _, _ = await _carry(replace(PLAN, answered=False))
    (settle,) = exchange.settled
    assert settle.outcome == common_pb2.OUTCOME_NO_ANSWER
    assert not settle.HasField("elapsed_ms")
    assert not settle.usage.quantities


async def test_hang_up_ends_the_call_at_once() -> None:
    stop = _told(pb.DIRECTIVE_HANG_UP, reserved_micros=0, seconds_left=0, valid_for_ms=0)
    exchange, counts, _ = await _carry(charges=[CONTINUE, stop])
    assert len(exchange.charged) == 2
    assert exchange.settled[0].outcome == common_pb2.OUTCOME_CUT
    assert exchange.settled[0].usage == exchange.charged[-1].usage
    assert counts.hung_up == 1


async def test_finish_ends_the_call_within_its_last_grant() -> None:
    last = _told(pb.DIRECTIVE_FINISH, seconds_left=3, valid_for_ms=3_400)
    exchange, counts, _ = await _carry(charges=[CONTINUE, last])
    assert exchange.settled[0].elapsed_ms == 10_000 + 3_000
    assert exchange.settled[0].outcome == common_pb2.OUTCOME_CUT
    assert (counts.finished, counts.hung_up) == (1, 0)


async def test_a_call_that_nobody_holds_is_authorized_with_its_usage() -> None:
    lost = pb.ChargeResponse(directive=pb.DIRECTIVE_REAUTHORIZE)
    exchange, counts, _ = await _carry(charges=[CONTINUE, lost, CONTINUE])
    first, again = exchange.authorized
    assert not first.HasField("usage")
    assert again.usage == exchange.charged[1].usage
    assert again.elapsed_ms == 10_000
    assert (counts.reopened, counts.posted) == (1, 1)


async def test_without_answers_a_call_goes_on_only_as_long_as_its_grant() -> None:
    long = replace(PLAN, talk_ms=300_000)
    exchange, counts, _ = await _carry(long, charges=[CONTINUE, Away("down")])
    assert exchange.settled[0].elapsed_ms == 5_000 + 60_000
    assert exchange.settled[0].outcome == common_pb2.OUTCOME_CUT
    assert counts.lost == 1


async def test_a_settle_is_repeated_unchanged_until_it_is_posted() -> None:
    accepted = pb.SettleResponse(settlement=common_pb2.SETTLEMENT_ACCEPTED)
    exchange, counts, _ = await _carry(settles=[Away("down"), accepted, POSTED])
    first, second, third = exchange.settled
    assert first == second == third
    assert (counts.settled, counts.posted) == (1, 1)


async def test_a_settle_that_never_is_posted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_PATIENCE_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.0)
    _, counts, tally = await _carry(settles=[Away("down")])
    assert tally.not_posted == [PLAN.call_id]
    assert counts.posted == 0


async def test_an_authorize_that_nobody_answers_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUTHORIZE_PATIENCE_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.0)
    exchange, counts, _ = await _carry(first=Away("down"))
    assert exchange.settled[0].outcome == common_pb2.OUTCOME_FAILED
    assert (counts.accepted, counts.lost) == (0, 1)
