"""The client of an application: where Tollgate is, and the calls it is asked about."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import grpc

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client.call import Call
from tollgate_client.callbacks import Callbacks
from tollgate_client.course import Course
from tollgate_client.desk import CallDesk
from tollgate_client.errors import NotPosted, OperationFailed
from tollgate_client.session.place import Place
from tollgate_client.words import Direction

# Far above what the service takes; more would burden the calls that share the stream.
MAX_TEXT = 256


class Tollgate:
    """A connection to Tollgate for all calls of this process, as a block.

    `target` is host:port; without `credentials` the connection is in plain text. Every call
    reports each `report_interval` seconds, sooner when its grant is short.
    """

    def __init__(
        self,
        target: str,
        *,
        key: str,
        credentials: grpc.ChannelCredentials | None = None,
        report_interval: float = 5.0,
        authorize_timeout: float = 10.0,
        close_timeout: float = 30.0,
    ) -> None:
        self._desk = CallDesk(Place(target, key, credentials))
        self._report_s = report_interval
        self._authorize_s, self._close_s = authorize_timeout, close_timeout

    async def __aenter__(self) -> Self:
        await self._desk.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except NotPosted:
            if error is None:
                raise

    async def close(self) -> None:
        """Waits until all calls are posted, at most `close_timeout` seconds. Raises NotPosted."""
        try:
            async with asyncio.timeout(self._close_s):
                await self._desk.until_empty()
        except TimeoutError:
            raise NotPosted(self._desk.unconfirmed) from None
        finally:
            await self._desk.close()

    def call(
        self,
        tenant_id: str,
        call_id: str,
        model: str,
        *,
        caller: str = "",
        callee: str = "",
        direction: Direction = Direction.UNSPECIFIED,
        assistant_id: str = "",
        analytics: bool = False,
        on_warn: Callable[[], Awaitable[object] | object] | None = None,
        on_finish: Callable[[int], Awaitable[object] | object] | None = None,
        on_continue: Callable[[], Awaitable[object] | object] | None = None,
        on_hang_up: Callable[[], Awaitable[object] | object] | None = None,
        on_failure: Callable[[OperationFailed], Awaitable[object] | object] | None = None,
    ) -> Call:
        """A call, to be entered once: entering authorizes, leaving settles. Raises ValueError.

        `on_finish` is given the seconds that are left; `on_continue` says that what `on_warn` or
        `on_finish` told holds no more. `on_hang_up` is also called when the service is away and
        the grant ends.
        """
        texts = (tenant_id, call_id, model, caller, callee, assistant_id)
        if any(len(text) > MAX_TEXT for text in texts):
            raise ValueError(f"ids, the model and numbers have at most {MAX_TEXT} characters")
        terms = pb.AuthorizeRequest(
            tenant_id=tenant_id,
            call_id=call_id,
            model=model,
            caller=caller,
            callee=callee,
            direction=common_pb2.Direction.ValueType(direction),
            assistant_id=assistant_id,
            analytics=analytics,
        )
        course = Course(terms, now=time.monotonic(), report_s=self._report_s)
        callbacks = Callbacks(on_warn, on_finish, on_continue, on_hang_up, on_failure)
        return Call(self._desk, course, callbacks, self._authorize_s)
