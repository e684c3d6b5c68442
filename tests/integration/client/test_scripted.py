"""The client against a service that does what the contract allows, at its worst moments."""

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from tests.integration.client.scripted import Script, playing, until
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client import (
    Call,
    Ending,
    InvalidRequest,
    KeyReused,
    NotAnswered,
    NotPosted,
    OperationFailed,
    Outcome,
    Tollgate,
    Unauthenticated,
)

UNAVAILABLE, EXHAUSTED, ALREADY_EXISTS, INVALID, UNAUTHENTICATED = 14, 8, 6, 3, 16


def _client(script: Script, *, report_interval: float = 0.05, **patience: Any) -> Tollgate:
    return Tollgate(script.address, key="tg_x_y", report_interval=report_interval, **patience)


def _call(tollgate: Tollgate, call_id: str = "c", **callbacks: Any) -> Call:
    return tollgate.call("t", call_id, "m", **callbacks)


async def _carry(tollgate: Tollgate, script: Script, call_id: str = "c") -> Call:
    """A call of three parts, the first two of which are reported before the next begins."""
    async with _call(tollgate, call_id) as call:
        call.answered()
        for tokens in (10, 20):
            call.add(tokens=10)
            await until(partial(_is_known, script, call_id, tokens))
        call.add(tokens=10)
    await call.posted()
    return call


def _is_known(script: Script, call_id: str, tokens: int) -> bool:
    return script.usage[call_id].get("tokens", 0) >= tokens


async def test_a_whole_call(script: Script) -> None:
    async with _client(script) as tollgate:
        call = await _carry(tollgate, script)
    assert call.usage == {"tokens": 30}
    (settle,) = script.asked("settle")
    assert dict(settle.usage.quantities) == {"tokens": 30}
    assert settle.outcome == Outcome.COMPLETED
    assert script.streams == 1


@pytest.mark.parametrize("place", ["cut_before", "cut_after"])
@pytest.mark.parametrize("number", range(4))
async def test_a_cut_at_any_message_loses_and_doubles_nothing(
    script: Script, place: str, number: int
) -> None:
    setattr(script, place, number)
    async with _client(script) as tollgate:
        await _carry(tollgate, script)
    assert script.usage == {"c": {"tokens": 30}}
    assert script.streams == 2


async def test_the_last_message_may_be_cut_too(script: Script) -> None:
    async with _client(script, report_interval=60) as tollgate:
        for place in ("cut_before", "cut_after"):
            async with _call(tollgate, place) as call:
                call.answered()
                call.add(tokens=5)
                setattr(script, place, script.messages)
            await call.posted()
    assert script.usage == {"cut_before": {"tokens": 5}, "cut_after": {"tokens": 5}}


async def test_calls_share_messages(script: Script) -> None:
    async with _client(script, report_interval=60) as tollgate, asyncio.TaskGroup() as group:
        for number in range(2_000):
            group.create_task(_short(tollgate, f"c{number}"))
    assert len(script.settled) == 2_000
    assert len(script.operations) == 4_000
    assert script.messages < 400


async def _short(tollgate: Tollgate, call_id: str) -> None:
    async with _call(tollgate, call_id) as call:
        call.answered()


@pytest.mark.parametrize("kind", ["authorize", "charge", "settle"])
async def test_what_passes_is_asked_again(script: Script, kind: str) -> None:
    script.errors = [(kind, UNAVAILABLE), (kind, EXHAUSTED)]
    async with _client(script) as tollgate:
        await _carry(tollgate, script)
    assert script.errors == []
    assert script.usage == {"c": {"tokens": 30}}


async def test_a_wrong_authorize_is_raised_on_entering(script: Script) -> None:
    script.errors = [("authorize", INVALID)]
    async with _client(script) as tollgate:
        with pytest.raises(InvalidRequest, match="by script"):
            async with _call(tollgate):
                pytest.fail("it started")
    assert script.asked("settle") == []


async def test_a_report_that_is_not_taken_is_told_and_raised(script: Script) -> None:
    script.errors = [("charge", INVALID)]
    told: list[OperationFailed] = []
    async with _client(script) as tollgate:
        with pytest.raises(InvalidRequest):  # noqa: PT012
            async with _call(tollgate, on_failure=told.append) as call:
                with pytest.raises(InvalidRequest):
                    await call.ended()
                with pytest.raises(InvalidRequest):
                    call.add(tokens=1)
    assert len(told) == 1
    assert len(script.settled) == 1


async def test_a_settlement_that_is_not_taken_is_raised(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.errors = [("settle", ALREADY_EXISTS)]
    async with _client(script) as tollgate:
        async with _call(tollgate) as call:
            pass
        with pytest.raises(KeyReused):
            await call.posted()
    assert "is not settled" in caplog.text


async def test_a_settle_waits_for_the_pushed_posting(script: Script) -> None:
    script.posts = False
    async with _client(script) as tollgate:
        async with _call(tollgate) as call:
            pass
        await until(lambda: script.asked("settle"))
        await script.post()
        await call.posted()
    assert len(script.asked("settle")) == 1


async def test_a_settle_is_repeated_when_no_posting_comes(script: Script) -> None:
    script.posts = False
    async with _client(script) as tollgate:
        async with _call(tollgate) as call:
            pass
        await until(lambda: script.asked("settle"))
        script.posts = True
        await call.posted()
    assert len(script.asked("settle")) == 2


async def test_closing_tells_what_is_not_confirmed(script: Script) -> None:
    script.posts = False
    with pytest.raises(NotPosted) as told:
        async with _client(script, close_timeout=0.1) as tollgate, _call(tollgate) as call:
            pass
    assert told.value.calls == [("t", "c")]
    with pytest.raises(NotAnswered):
        await call.posted()


async def test_pushes_reach_their_call(script: Script) -> None:
    told: list[object] = []

    async def hung_up() -> None:
        told.append("hang up")

    async with _client(script, report_interval=60) as tollgate:
        callbacks: dict[str, Any] = {"on_warn": lambda: told.append("warn"), "on_hang_up": hung_up}
        async with _call(tollgate, **callbacks) as call, _call(tollgate, "other"):
            await script.push(pb.DIRECTIVE_WARN, "c")
            await script.push(pb.DIRECTIVE_REPORT_NOW, "c")
            await until(lambda: len(script.asked("charge")) == 1)
            await script.push(pb.DIRECTIVE_HANG_UP, "c")
            assert await call.ended() is Ending.HANG_UP
            await until(lambda: len(told) == 2)
        await call.posted()
    assert told == ["warn", "hang up"]
    assert {each.call_id: each.outcome for each in script.asked("settle")} == {
        "c": Outcome.CUT,
        "other": Outcome.NO_ANSWER,
    }


async def test_what_was_told_is_taken_back_when_there_is_money_again(script: Script) -> None:
    told: list[str] = []

    async def go_on() -> None:
        told.append("go on")

    async with _client(script) as tollgate:
        callbacks: dict[str, Any] = {"on_finish": lambda _: told.append("finish")}
        async with _call(tollgate, on_continue=go_on, **callbacks):
            script.directive = pb.DIRECTIVE_FINISH
            await until(lambda: told)
            script.directive = pb.DIRECTIVE_CONTINUE
            await until(lambda: len(told) == 2)
    assert told == ["finish", "go on"]


async def test_finish_tells_the_seconds(script: Script) -> None:
    told: list[int] = []
    async with _client(script) as tollgate, _call(tollgate, on_finish=told.append):
        script.directive = pb.DIRECTIVE_FINISH
        await until(lambda: told)
    assert told == [60]


async def test_a_callback_that_fails_is_logged_and_hurts_nobody(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("mine")

    async with _client(script) as tollgate, _call(tollgate, on_warn=fail):
        script.directive = pb.DIRECTIVE_WARN
        await until(lambda: "mine" in caplog.text)


async def test_without_the_service_the_grant_ends_the_call() -> None:
    async with playing() as script:
        script.valid_for_ms = 300
        tollgate = _client(script, close_timeout=0.1)
        await tollgate.__aenter__()
        call = _call(tollgate)
        await call.__aenter__()
    assert await call.ended() is Ending.SERVICE_AWAY
    await call.__aexit__(None, None, None)
    with pytest.raises(NotPosted):
        await tollgate.close()


async def test_an_authorize_that_nobody_answers_is_given_up_and_closed(script: Script) -> None:
    script.answers = False
    async with _client(script, authorize_timeout=0.2) as tollgate:
        with pytest.raises(NotAnswered):
            async with _call(tollgate):
                pytest.fail("it started")
        script.answers = True
        script.cut()
        await until(lambda: script.asked("settle"))
    assert script.asked("settle")[0].outcome == Outcome.FAILED


async def test_reconnect_moves_over_and_reports_on_the_new_stream(script: Script) -> None:
    async with _client(script, report_interval=60) as tollgate, _call(tollgate) as call:
        call.answered()
        call.add(tokens=3)
        await script.push(pb.DIRECTIVE_RECONNECT)
        await until(lambda: script.streams == 2)
        await until(lambda: script.usage["c"] == {"tokens": 3})
        await until(lambda: script.ended == 1)
        await script.push(pb.DIRECTIVE_HANG_UP, "c")
        await call.ended()


async def test_a_call_whose_stream_is_taken_again_has_not_ended(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may refuse what the service takes a moment later."""
    monkeypatch.setattr("tollgate_client.session.session.REFUSED_PAUSE_S", 0.1)
    told: list[OperationFailed] = []
    async with _client(script) as tollgate, _call(tollgate, on_failure=told.append) as call:
        script.refuse_streams = grpc.StatusCode.PERMISSION_DENIED
        script.cut()
        await until(lambda: told)
        granted = call.grant
        script.refuse_streams = grpc.StatusCode.OK
        await until(lambda: call.grant is not granted)
        ending = asyncio.create_task(call.ended())
        await asyncio.sleep(0)
        await script.push(pb.DIRECTIVE_HANG_UP, "c")
        assert await ending is Ending.HANG_UP
    assert [error.reason for error in told] == [""]


async def test_a_service_that_pings_but_does_not_answer_is_left(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollgate_client.session.session.WATCH_S", 0.05)
    async with _client(script, report_interval=60) as tollgate:
        async with _call(tollgate) as call:
            call.answered()
            call.add(tokens=3)
            script.answers = False
            with monkeypatch.context() as impatient:  # only while it is silent: it may be slow, too
                impatient.setattr("tollgate_client.session.line.ANSWER_PATIENCE_S", 0.3)
                await script.push(pb.DIRECTIVE_REPORT_NOW, "c")
                await until(lambda: script.ended == 1)
            script.answers = True
            await until(lambda: len(script.asked("charge")) == 2)
        await call.posted()
    assert script.streams == 2
    assert script.usage == {"c": {"tokens": 3}}


async def test_a_key_that_is_not_known_is_told_to_all_calls(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    told: list[OperationFailed] = []
    tollgate = _client(script, close_timeout=0.1)
    await tollgate.__aenter__()
    call = _call(tollgate, on_failure=told.append)
    await call.__aenter__()
    script.refuse_streams = grpc.StatusCode.UNAUTHENTICATED
    script.cut()
    with pytest.raises(Unauthenticated):
        await call.ended()
    with pytest.raises(Unauthenticated):
        await _call(tollgate, "other").__aenter__()
    assert len(told) == 1
    with pytest.raises(Unauthenticated):
        await call.__aexit__(None, None, None)
    with pytest.raises(NotPosted):
        await tollgate.close()
    assert "does not take the stream" in caplog.text


DELAY_MS = 400


def _asking_for_a_pause() -> bytes:
    delay = Duration()
    delay.FromMilliseconds(DELAY_MS)
    status = status_pb2.Status(code=EXHAUSTED, message="no")
    status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return bytes(status.SerializeToString())


@pytest.mark.parametrize(
    "trailer",
    [
        ("grpc-status-details-bin", _asking_for_a_pause()),
        ("grpc-retry-pushback-ms", str(DELAY_MS)),
    ],
)
async def test_the_next_stream_comes_as_late_as_the_service_asks(
    script: Script, trailer: tuple[str, str | bytes]
) -> None:
    script.refuse_streams, script.trailers = grpc.StatusCode.RESOURCE_EXHAUSTED, (trailer,)
    async with _client(script):
        await until(lambda: script.streams == 2)
    assert script.opened[1] - script.opened[0] >= DELAY_MS / 1000


async def test_why_a_stream_is_not_taken_is_told_in_the_service_s_words(script: Script) -> None:
    status = status_pb2.Status(code=UNAUTHENTICATED, message="no")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="KEY_EXPIRED"))
    script.refuse_streams = grpc.StatusCode.UNAUTHENTICATED
    script.trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    async with _client(script) as tollgate:
        with pytest.raises(Unauthenticated) as told:
            await _call(tollgate).__aenter__()
    assert (told.value.reason, told.value.text) == ("KEY_EXPIRED", "no")


async def test_a_server_that_comes_back_is_found_again() -> None:
    async with playing() as first:
        tollgate = _client(first)
        await tollgate.__aenter__()
        call = _call(tollgate)
        await call.__aenter__()
    call.add(tokens=2)
    await call.__aexit__(None, None, None)
    async with playing(first.address) as script:
        await call.posted()
        await tollgate.close()
    assert script.usage == {"c": {"tokens": 2}}


async def test_the_same_call_is_carried_once(script: Script) -> None:
    async with _client(script) as tollgate, _call(tollgate):
        with pytest.raises(ValueError, match="already"):
            await _call(tollgate).__aenter__()


async def test_a_call_is_entered_once(script: Script) -> None:
    async with _client(script) as tollgate:
        call = _call(tollgate)
        async with call:
            pass
        await call.posted()
        with pytest.raises(RuntimeError, match="once"):
            await call.__aenter__()


async def test_a_client_that_is_closed_within_a_move_leaves_nothing_behind(script: Script) -> None:
    async with _client(script) as tollgate, _call(tollgate):
        await script.push(pb.DIRECTIVE_RECONNECT)


async def test_a_call_that_may_have_been_asked_for_is_told_on_closing() -> None:
    tollgate = Tollgate("127.0.0.1:1", key="k", authorize_timeout=0.05, close_timeout=0.1)
    await tollgate.__aenter__()
    with pytest.raises(NotAnswered):
        await _call(tollgate).__aenter__()
    with pytest.raises(NotPosted):
        await tollgate.close()


async def test_a_call_that_was_not_decided_when_the_client_closes_does_not_begin() -> None:
    tollgate = Tollgate("127.0.0.1:1", key="tg_x_y", authorize_timeout=5, close_timeout=0.05)
    await tollgate.__aenter__()
    entering = asyncio.ensure_future(_call(tollgate).__aenter__())
    await asyncio.sleep(0)
    with contextlib.suppress(NotPosted):
        await tollgate.close()
    with pytest.raises(NotAnswered):
        await entering
