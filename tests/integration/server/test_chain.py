"""The whole chain around real methods, over a real connection."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from server.errors import InvalidFields, KeyReused, PermissionDenied, StoreUnavailable, Violation
from server.interceptors.authentication import Authentication
from server.interceptors.chain import Chain, Concern
from server.interceptors.deadline import Deadline
from server.interceptors.durations import Durations
from server.interceptors.failures import Failures
from server.interceptors.key_ring import KeyRing, StoredKey
from server.interceptors.overload import Limiter, Overload
from server.interceptors.principal import current_principal
from server.interceptors.tracing import Tracing
from server.tallies import write_tallies

SERVICE = "tollgate.test.v1.Echo"
KEY = "tg_test_" + "s" * 32
BOUND_KEY = "tg_bound_" + "s" * 32
AUTHORIZED = (("authorization", f"Bearer {KEY}"),)
ALLOWED = {f"{SERVICE}/{name}": frozenset({"gateway"}) for name in ("Unary", "Count", "Chat")}

Unary = Callable[[bytes, Any], Awaitable[bytes]]


class NoKeys:
    """Every key in these tests is pinned."""

    async def find(self, key_id: str) -> StoredKey | None:
        return None


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def _count(request: bytes, _context: Any) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield str(number).encode()
    if request == b"2":
        raise StoreUnavailable("redis")


async def _chat(requests: AsyncIterator[bytes], context: Any) -> None:
    async for request in requests:
        await context.write(f"{current_principal().key_id} {request.decode()}".encode())


def concerns(limiter: Limiter | None = None, **deadline: float) -> list[Concern]:
    """The chain as the application builds it."""
    ring = KeyRing(NoKeys())
    ring.pin(KEY, ("gateway",))
    ring.pin(BOUND_KEY, ("tenant:a",))
    return [
        Durations(),
        Failures(),
        Overload(limiter or Limiter(100)),
        Authentication(ring, ALLOWED),
        Deadline(**({"default_s": 5, "max_s": 60} | deadline)),
    ]


@asynccontextmanager
async def serving(unary: Unary = _echo, chain: list[Concern] | None = None) -> AsyncIterator[Any]:
    """A channel to a server with the chain around an echo service."""
    server, composed = grpc.aio.server(), Chain(chain or concerns())
    handlers: dict[str, Any] = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Unlisted": grpc.unary_unary_rpc_method_handler(unary),
        "Count": grpc.unary_stream_rpc_method_handler(_count),
        "Chat": grpc.stream_stream_rpc_method_handler(_chat),
    }
    composed.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_generic_rpc_handlers([composed])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)


async def call(channel: Any, request: bytes = b"x", method: str = "Unary", **options: Any) -> bytes:
    """One unary call, authorized unless told otherwise."""
    options = {"metadata": AUTHORIZED, "timeout": 5} | options
    reply: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(request, **options)
    return reply


async def refused(channel: Any, **options: Any) -> tuple[grpc.StatusCode, Any]:
    """The status and ErrorInfo of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, **options)
    metadata = dict(caught.value.trailing_metadata() or ())
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details[0].Unpack(info)
    return caught.value.code(), info


async def test_a_good_request_passes() -> None:
    async with serving() as channel:
        assert await call(channel, b"hello") == b"hello"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", KEY),),
        (("authorization", "Bearer tg_test_wrong"),),
        (("authorization", f"Basic {KEY}"),),
        (("authorization", "Bearer tg_other_x"),),
        (*AUTHORIZED, *AUTHORIZED),
    ],
)
async def test_every_bad_key_gets_the_same_answer(metadata: tuple[Any, ...]) -> None:
    async with serving() as channel:
        code, info = await refused(channel, metadata=metadata)
        assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_a_key_without_the_scope_and_an_unlisted_method_are_denied() -> None:
    async with serving() as channel:
        bound = (("authorization", f"Bearer {BOUND_KEY}"),)
        for options in ({"metadata": bound}, {"method": "Unlisted"}):
            code, info = await refused(channel, **options)
            assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_a_method_that_does_not_exist_is_unimplemented() -> None:
    async with serving() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, method="Nothing")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("failure", "code", "reason"),
    [
        (KeyReused(), grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED"),
        (PermissionDenied(), grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (InvalidFields([Violation("a", "b", "C")]), grpc.StatusCode.INVALID_ARGUMENT, "C"),
        (ValueError("tg_raw_input"), grpc.StatusCode.INTERNAL, "INTERNAL"),
        (asyncio.CancelledError(), grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
async def test_what_a_handler_raises_becomes_its_status(
    failure: BaseException, code: grpc.StatusCode, reason: str
) -> None:
    async def fail(_request: bytes, _context: Any) -> bytes:
        raise failure

    async with serving(fail) as channel:
        told, info = await refused(channel)
        assert (told, info.reason, info.domain) == (code, reason, "tollgate")


async def test_a_failure_can_be_retried_by_the_client() -> None:
    failures = [StoreUnavailable("redis"), StoreUnavailable("redis")]

    async def recovers(request: bytes, _context: Any) -> bytes:
        if failures:
            raise failures.pop()
        return request

    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.01s",
        "maxBackoff": "0.1s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})
    server, composed = grpc.aio.server(), Chain(concerns())
    handlers: dict[str, Any] = {"Unary": grpc.unary_unary_rpc_method_handler(recovers)}
    composed.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_generic_rpc_handlers([composed])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.service_config", config)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        assert await call(channel, b"again") == b"again"
    await server.stop(0)


async def test_a_cancelled_request_ends_its_handler() -> None:
    ended = asyncio.Event()
    entered = asyncio.Event()

    async def waits(_request: bytes, _context: Any) -> bytes:
        entered.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return b""

    async with serving(waits) as channel:
        request = asyncio.create_task(call(channel))
        await entered.wait()
        request.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await request
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_request_without_a_deadline_gets_one() -> None:
    async def waits(_request: bytes, _context: Any) -> bytes:
        await asyncio.sleep(60)
        return b""

    async with serving(waits, concerns(default_s=0.05)) as channel:
        code, info = await refused(channel, timeout=None)
        assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_what_is_too_much_is_shed_with_a_pushback() -> None:
    proceed = asyncio.Event()

    async def waits(request: bytes, _context: Any) -> bytes:
        await proceed.wait()
        return request

    limiter = Limiter(10)
    async with serving(waits, concerns(limiter)) as channel:
        running = [asyncio.create_task(call(channel)) for _ in range(8)]
        while limiter.in_flight < 8:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        pushback = dict(caught.value.trailing_metadata() or ())["grpc-retry-pushback-ms"]
        assert 100 <= int(pushback) <= 400
        proceed.set()
        assert await asyncio.gather(*running) == [b"x"] * 8
    assert limiter.in_flight == 0


async def test_streams_pass_the_same_chain() -> None:
    async with serving() as channel:
        count = channel.unary_stream(f"/{SERVICE}/Count")
        assert [each async for each in count(b"3", metadata=AUTHORIZED)] == [b"0", b"1", b"2"]
        chat = channel.stream_stream(f"/{SERVICE}/Chat")
        replies = [each async for each in chat(iter([b"a", b"b"]), metadata=AUTHORIZED)]
        assert replies == [b"test a", b"test b"]
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            [each async for each in count(b"3")]
        assert denied.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_stream_that_fails_ends_with_its_status() -> None:
    async with serving() as channel:
        received = []
        try:
            async for each in channel.unary_stream(f"/{SERVICE}/Count")(b"2", metadata=AUTHORIZED):
                received.append(each)
        except grpc.aio.AioRpcError as error:
            code = error.code()
        assert received == [b"0", b"1"]
        assert code is grpc.StatusCode.UNAVAILABLE


async def test_durations_are_counted_by_method_and_status() -> None:
    def count(status: str) -> float:
        write_tallies()
        labels = {"rpc_method": f"{SERVICE}/Unary", "rpc_response_status_code": status}
        name = "rpc_server_call_duration_seconds_count"
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = count("OK"), count("UNAUTHENTICATED")
    async with serving() as channel:
        await call(channel)
        await refused(channel, metadata=())
    assert (count("OK"), count("UNAUTHENTICATED")) == (before[0] + 1, before[1] + 1)


async def test_a_span_continues_the_callers_trace() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace = "0af7651916cd43dd8448eb211c80319c"
    caller = (("traceparent", f"00-{trace}-b7ad6b7169203331-01"),)
    tracing = Tracing(provider.get_tracer("t"), lambda name: False)
    async with serving(chain=[tracing, *concerns()]) as channel:
        await call(channel)  # begins a trace that is not sampled
        await call(channel, metadata=AUTHORIZED + caller)
        await refused(channel, metadata=caller)
    good, bad = exporter.get_finished_spans()
    assert f"{good.context.trace_id:032x}" == trace
    assert good.name == f"{SERVICE}/Unary"
    assert bad.attributes is not None
    assert bad.attributes["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert not bad.events
    provider.shutdown()
