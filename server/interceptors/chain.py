"""Composes the concerns around each method, once, and hands the result out per request.

gRPC's own interceptors are run anew, with new handlers, for every request. Here services register
with the chain, which wraps each method's handler when it is first asked for and is itself all
that the server knows; afterwards a request costs one dictionary look-up plus what the concerns do.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import grpc
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:  # the classes take no parameters at run time
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler
Behaviour = Callable[[Any, Context], Awaitable[Any]]

# The request of a unary method whose bytes are no message of its type.
MALFORMED = object()


# The context would convert the metadata a second time, which costs as much as a concern.
_metadata: ContextVar[Any] = ContextVar("metadata", default=())


def metadata() -> Iterable[tuple[str, Any]]:
    """What the client sent along with the current request, as names and values."""
    found: Iterable[tuple[str, Any]] = _metadata.get()
    return found


class Method(NamedTuple):
    """A method as "pkg.Service/Method", and whether either side streams."""

    name: str
    streams: bool

    @property
    def service(self) -> str:
        """The service's full name."""
        return self.name.partition("/")[0]


class Concern(Protocol):
    """Something that happens around requests."""

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """The behaviour of `method` with this concern around it."""


class Chain(grpc.GenericRpcHandler):
    """The concerns, outermost first, around all services that were registered with it."""

    def __init__(self, concerns: Sequence[Concern]) -> None:
        self._concerns = tuple(concerns)
        self._services: list[grpc.GenericRpcHandler] = []
        self._handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, services: Iterable[grpc.GenericRpcHandler]) -> None:
        """What generated code calls to register a service, as on a server."""
        self._services.extend(services)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """What generated code calls as well; the generic handlers hold the same."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The composed handler; None for a method that does not exist."""
        _metadata.set(handler_call_details.invocation_metadata)
        path = handler_call_details.method
        handler = self._handlers.get(path)
        if handler is None:
            found = (each.service(handler_call_details) for each in self._services)
            bare = next((each for each in found if each is not None), None)
            if bare is None:
                return None
            handler = self._handlers[path] = self.compose(path.removeprefix("/"), bare)
        return handler

    def compose(self, name: str, handler: Handler) -> Handler:
        """The handler with all concerns around its behaviour."""
        behaviour = _plain(handler)
        method = Method(name, bool(handler.request_streaming or handler.response_streaming))
        for concern in reversed(self._concerns):
            behaviour = concern.around(method, behaviour)
        build: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[bool(handler.request_streaming), bool(handler.response_streaming)]
        composed: Handler = build(
            behaviour, _lenient(handler.request_deserializer), handler.response_serializer
        )
        return composed


def _lenient(deserialize: Any) -> Any:
    """Reads what cannot be read as MALFORMED: gRPC itself would answer UNKNOWN with our error."""
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return MALFORMED

    return read


def _plain(handler: Handler) -> Behaviour:
    """The handler's behaviour as one coroutine; what a generator yields is written out."""
    behaviour: Any = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    if not inspect.isasyncgenfunction(behaviour):
        assert inspect.iscoroutinefunction(behaviour), "handlers are coroutines"
        proceed: Behaviour = behaviour
        return proceed

    async def write_out(request: Any, context: Context) -> None:
        # Closed at once when the client goes: what the generator holds must not wait for that.
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return write_out
