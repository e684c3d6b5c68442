"""What one call asks, when, and what it makes of the replies; the test is the clock."""

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client import Directive, Ending, InvalidRequest, Outcome
from tollgate_client.course import NEVER, Course, Phase
from tollgate_client.notices import (
    Continuing,
    Failed,
    Finishing,
    MustEnd,
    Notice,
    Posted,
    Rejected,
    Started,
    Warned,
)

TERMS = pb.AuthorizeRequest(tenant_id="t", call_id="c", model="m", caller="+1", analytics=True)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNAVAILABLE, INVALID = 14, 3


def _course(report_s: float = 5.0) -> Course:
    return Course(TERMS, now=0, report_s=report_s, chance=lambda: 0.0)


def _grant(valid_s: float = 60, seconds_left: int = 60) -> pb.Grant:
    return pb.Grant(
        reserved_micros=1_000, seconds_left=seconds_left, valid_for_ms=int(valid_s * 1000)
    )


def _ask(course: Course, now: float) -> pb.Operation:
    operation = pb.Operation()
    assert course.ask(operation, now)
    return operation


def _authorized(**fields: object) -> pb.OperationResult:
    reply = pb.AuthorizeResponse(
        decision=pb.DECISION_ACCEPTED,
        directive=pb.DIRECTIVE_CONTINUE,
        grant=_grant(),
        tariff_version="v@1",
    )
    reply.MergeFrom(pb.AuthorizeResponse(**fields))  # type: ignore[arg-type]
    return pb.OperationResult(authorize=reply)


def _charged(
    directive: Directive = Directive.CONTINUE, grant: pb.Grant | None = None, **usage: int
) -> pb.OperationResult:
    reply = pb.ChargeResponse(grant=grant or _grant(), charged_micros=7)
    reply.directive = pb.Directive.ValueType(directive)
    reply.usage.quantities.update(usage)
    return pb.OperationResult(charge=reply)


def _settled(settlement: common_pb2.Settlement.ValueType) -> pb.OperationResult:
    return pb.OperationResult(settle=pb.SettleResponse(settlement=settlement, charged_micros=9))


def _error(code: int, retry_s: float | None = None) -> pb.OperationResult:
    status = status_pb2.Status(code=code, message="no")
    if retry_s is not None:
        delay = Duration()
        delay.FromMilliseconds(int(retry_s * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return pb.OperationResult(error=status)


def _running(report_s: float = 5.0) -> Course:
    course = _course(report_s)
    _ask(course, 0)
    assert course.take(_authorized(), 0) == [Started()]
    course.answer(0)
    return course


def _report(course: Course, now: float, reply: pb.OperationResult) -> list[Notice]:
    _ask(course, now)
    return course.take(reply, now)


def test_a_call_reports_cumulative_usage_at_its_interval() -> None:
    course = _running()
    assert course.moment(asks=True) == 5
    course.usage.add({"a": 3})
    course.usage.add({"a": 4, "b": 1})
    asked = _ask(course, 5).charge
    assert (dict(asked.usage.quantities), asked.elapsed_ms) == ({"a": 7, "b": 1}, 5_000)
    assert course.take(_charged(), 5.1) == []
    assert (course.moment(asks=True), course.charged_micros) == (10, 7)


def test_a_call_that_is_not_answered_reports_no_elapsed_time() -> None:
    course = _course()
    _ask(course, 0)
    course.take(_authorized(), 0)
    assert not _ask(course, 5).charge.HasField("elapsed_ms")


def test_a_short_grant_is_reported_within() -> None:
    course = _running()
    _report(course, 5, _charged(grant=_grant(valid_s=4)))
    assert course.moment(asks=True) == 5 + 2


def test_a_grant_counts_from_when_the_report_was_sent() -> None:
    course = _running()
    _ask(course, 5)
    course.take(_charged(grant=_grant(valid_s=4)), 8)
    assert course.moment(asks=False) == 9


def test_a_grant_that_nobody_extends_ends_the_call() -> None:
    course = _running()
    assert course.tick(59.9) == []
    assert course.tick(60) == [MustEnd(Ending.SERVICE_AWAY)]
    assert course.tick(61) == []
    assert course.moment(asks=True) == NEVER


def test_finish_tells_its_seconds_and_ends_the_call_after_them() -> None:
    course = _running()
    last = _charged(Directive.FINISH, _grant(valid_s=60, seconds_left=3))
    assert _report(course, 5, last) == [Finishing(3)]
    assert course.tick(8) == [MustEnd(Ending.LAST_GRANT_OVER)]


def test_a_top_up_within_the_last_grant_lets_the_call_go_on() -> None:
    course = _running()
    _report(course, 5, _charged(Directive.FINISH, _grant(seconds_left=3)))
    assert course.push(Directive.REPORT_NOW, 6) == []
    assert course.wants(6)
    assert _report(course, 6, _charged()) == [Continuing()]
    assert course.tick(8) == []


def test_a_last_grant_that_becomes_a_warning_is_told_as_a_warning() -> None:
    course = _running()
    _report(course, 5, _charged(Directive.FINISH, _grant(seconds_left=3)))
    assert _report(course, 6.5, _charged(Directive.WARN)) == [Warned()]
    assert course.tick(8) == []


def test_a_warning_is_told_once() -> None:
    course = _running()
    assert course.push(Directive.WARN, 1) == [Warned()]
    assert _report(course, 5, _charged(Directive.WARN)) == []
    assert _report(course, 10, _charged(Directive.CONTINUE)) == [Continuing()]
    assert _report(course, 15, _charged(Directive.CONTINUE)) == []
    assert _report(course, 20, _charged(Directive.WARN)) == [Warned()]


def test_hang_up_ends_reports_and_the_settlement_carries_what_was_used() -> None:
    course = _running()
    assert course.push(Directive.HANG_UP, 2) == [MustEnd(Ending.HANG_UP)]
    assert not course.wants(100)
    course.usage.add({"a": 9})
    course.end(3)
    course.settle(Outcome.CUT, 4, NOON)
    settle = _ask(course, 4).settle
    assert (dict(settle.usage.quantities), settle.elapsed_ms) == ({"a": 9}, 3_000)
    assert settle.outcome == common_pb2.OUTCOME_CUT
    assert (settle.tariff_version, settle.model, settle.analytics) == ("v@1", "m", True)
    assert settle.ended_at.ToDatetime(UTC) == NOON
    assert settle.ended_at.ToMilliseconds() - settle.answered_at.ToMilliseconds() == 3_000


def test_report_now_while_a_report_is_under_way_makes_another_one() -> None:
    course = _running()
    _ask(course, 5)
    course.push(Directive.REPORT_NOW, 5)
    course.take(_charged(), 5)
    assert course.wants(5)
    _report(course, 5, _charged())
    assert not course.wants(5.1)


def test_a_call_that_nobody_holds_is_authorized_with_its_usage() -> None:
    course = _running()
    course.usage.add({"a": 5})
    _report(course, 5, _charged(Directive.REAUTHORIZE))
    again = _ask(course, 5).authorize
    assert (dict(again.usage.quantities), again.elapsed_ms) == ({"a": 5}, 5_000)
    assert (again.caller, again.analytics) == ("+1", True)
    assert course.take(_authorized(), 5) == []
    assert _ask(course, 10).WhichOneof("request") == "charge"


def test_a_call_that_is_refused_when_authorized_again_has_to_end() -> None:
    course = _running()
    _report(course, 5, _charged(Directive.REAUTHORIZE))
    refused = pb.AuthorizeResponse(decision=pb.DECISION_REJECTED)
    assert _report(course, 5, pb.OperationResult(authorize=refused)) == [MustEnd(Ending.HANG_UP)]


def test_a_reconnected_call_goes_on_from_the_last_accepted_usage() -> None:
    course = _course()
    _ask(course, 0)
    course.take(_authorized(usage=common_pb2.Usage(quantities={"a": 100})), 0)
    course.usage.add({"a": 5})
    assert course.usage.snapshot() == {"a": 105}
    _ask(course, 5)
    course.usage.add({"a": 1})  # after the report was sent
    course.take(_charged(a=110), 5)
    assert course.usage.snapshot() == {"a": 111}


def test_a_refusal_is_told_with_its_figures_and_ends_the_course() -> None:
    course = _course()
    _ask(course, 0)
    refusal = pb.Refusal(
        reason=pb.REFUSAL_REASON_DAILY_CAP_REACHED,
        daily_cap_micros=5,
        sip_status=402,
        q850_cause=21,
    )
    reply = pb.AuthorizeResponse(decision=pb.DECISION_REJECTED, refusal=refusal)
    (notice,) = course.take(pb.OperationResult(authorize=reply), 0)
    assert isinstance(notice, Rejected)
    told = notice.refusal
    assert (told.reason.name, told.daily_cap_micros) == ("DAILY_CAP_REACHED", 5)
    assert (told.sip_status, told.q850_cause) == (402, 21)
    assert course.phase is Phase.OVER


def test_what_passes_is_asked_again_after_growing_pauses() -> None:
    course = _course()
    moments = []
    for _ in range(8):
        now = course.moment(asks=True)
        _ask(course, now)
        assert course.take(_error(UNAVAILABLE), now) == []
        moments.append(round(course.moment(asks=True) - now, 3))
    assert moments == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_the_pause_that_the_service_asks_for_is_kept() -> None:
    course = _course()
    _ask(course, 0)
    course.take(_error(UNAVAILABLE, retry_s=2), 0)
    assert course.moment(asks=True) == 2


def test_no_pause_that_the_service_asks_for_is_longer_than_a_minute() -> None:
    course = _course()
    _ask(course, 0)
    course.take(_error(UNAVAILABLE, retry_s=86_400), 0)
    assert course.moment(asks=True) == 60


def test_what_the_service_does_not_take_ends_the_reports_and_is_told() -> None:
    course = _running()
    (notice,) = _report(course, 5, _error(INVALID))
    assert isinstance(notice, Failed)
    assert isinstance(notice.error, InvalidRequest)
    assert course.moment(asks=True) == 60  # the grant ends all the same
    course.settle(Outcome.FAILED, 6, NOON)
    assert _ask(course, 6).WhichOneof("request") == "settle"


def test_a_settlement_is_repeated_word_for_word_until_it_is_posted() -> None:
    course = _running()
    course.settle(Outcome.COMPLETED, 10, NOON)
    first = _ask(course, 10)
    course.take(_error(UNAVAILABLE), 10)
    assert _ask(course, 10.1) == first
    course.take(_settled(common_pb2.SETTLEMENT_ACCEPTED), 10.2)
    assert course.moment(asks=True) == 11.2
    course.renew(10.5)
    assert _ask(course, 10.5) == first
    (notice,) = course.take(_settled(common_pb2.SETTLEMENT_POSTED), 11)
    assert isinstance(notice, Posted)
    assert notice.bill.charged_micros == 9
    assert course.phase is Phase.OVER


def test_posted_is_taken_when_it_comes_by_itself() -> None:
    course = _running()
    course.settle(Outcome.COMPLETED, 10, NOON)
    _ask(course, 10)
    course.take(_settled(common_pb2.SETTLEMENT_ACCEPTED), 10)
    (notice,) = course.take(_settled(common_pb2.SETTLEMENT_POSTED), 10.1)
    assert isinstance(notice, Posted)


def test_a_report_that_fails_while_the_call_is_left_does_not_stop_the_settlement() -> None:
    course = _running()
    _ask(course, 5)
    course.settle(Outcome.COMPLETED, 5.1, NOON)
    assert course.take(_error(INVALID), 5.2) == []
    assert _ask(course, 5.2).WhichOneof("request") == "settle"


def test_a_call_that_was_never_asked_for_is_not_settled() -> None:
    course = _course()
    course.settle(Outcome.FAILED, 1, NOON)
    assert course.phase is Phase.OVER


def test_an_authorize_that_was_given_up_is_settled_unless_it_was_refused() -> None:
    for decision, phase in (
        (pb.DECISION_ACCEPTED, Phase.SETTLING),
        (pb.DECISION_REJECTED, Phase.OVER),
    ):
        course = _course()
        _ask(course, 0)
        course.settle(Outcome.FAILED, 1, NOON)
        reply = pb.AuthorizeResponse(decision=decision)
        told = course.take(pb.OperationResult(authorize=reply), 2)
        assert course.phase is phase
        assert [type(each) for each in told] == ([Rejected] if phase is Phase.OVER else [])


def test_a_stream_that_is_not_taken_is_told_once_to_a_running_call() -> None:
    course = _running()
    error = InvalidRequest.__new__(InvalidRequest)
    assert course.lock_out(error) == [Failed(error)]
    assert course.lock_out(error) == []
    assert course.tick(60) == [MustEnd(Ending.SERVICE_AWAY)]


def test_a_call_that_asks_nothing_more_does_not_hear_of_a_stream_that_is_not_taken() -> None:
    course = _running()
    course.push(Directive.HANG_UP, 1)
    assert course.lock_out(InvalidRequest.__new__(InvalidRequest)) == []
    assert course.failure is None


def test_any_answer_says_that_the_stream_is_taken_again() -> None:
    for answer in (_charged(), _error(UNAVAILABLE)):
        course = _running()
        course.lock_out(InvalidRequest.__new__(InvalidRequest))
        course.renew(1)
        assert _report(course, 1, answer) == []
        assert course.failure is None
