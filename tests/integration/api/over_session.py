"""A client whose calls travel over a Session: the same tests, the other transport."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from tests.integration.api.client import Client
from tests.integration.api.stream import KINDS, Stream, stream
from tollgate.v1 import common_pb2

# How long the unary Settle waits for the posting.
WAIT_S = 0.05
CODES = {code.value[0]: code for code in grpc.StatusCode}


class SessionClient(Client):
    """Sends Authorize, Charge and Settle as messages of one operation, the rest as ever."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        super().__init__(channel, api_key)
        self._channel, self._api_key = channel, api_key
        self._open = AsyncExitStack()
        self._stream: Stream | None = None

    async def __call__(self, request: Message, timeout_s: float = 10.0) -> Any:
        """The reply. Raises grpc.aio.AioRpcError, as the unary method does."""
        kind = KINDS.get(type(request))
        if kind is None:
            return await super().__call__(request, timeout_s)
        session = await self._session()
        try:
            [operation_id] = await session.send(request)  # type: ignore[arg-type]
            result = await session.result(operation_id)
        except (AssertionError, grpc.aio.BaseError, asyncio.InvalidStateError):
            if session.ended:
                raise await session.error() from None
            raise
        if result.HasField("error"):
            raise as_rpc_error(result.error)
        reply = getattr(result, kind)
        if kind == "settle" and reply.settlement == common_pb2.SETTLEMENT_ACCEPTED:
            return await _posted(session, operation_id) or reply
        return reply

    async def close(self) -> None:
        """Leaves the stream."""
        await self._open.aclose()

    async def _session(self) -> Stream:
        if self._stream is None or self._stream.ended:
            self._stream = await self._open.enter_async_context(
                stream(self._channel, self._api_key)
            )
        return self._stream


async def _posted(session: Stream, operation_id: int) -> Any:
    try:
        async with asyncio.timeout(WAIT_S):
            return (await session.result(operation_id, answer=2)).settle
    except TimeoutError:
        return None


def as_rpc_error(status: status_pb2.Status) -> grpc.aio.AioRpcError:
    """The error that the unary method would end with."""
    return grpc.aio.AioRpcError(
        CODES[status.code],
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(
            ("grpc-status-details-bin", status.SerializeToString())
        ),
        details=status.message,
    )
