"""The ceiling of unary calls and streams: the same methods and messages on a bare grpc.aio server.

`python -m benchmarks.rig.echo PORT` answers every request with a prepared reply, and every message
of a stream with as many prepared results: no interceptor, no store, nothing decided.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import grpc
import uvloop

from benchmarks.rig import messages
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import call_authorization_pb2_grpc as pb_grpc


class Echo(pb_grpc.CallAuthorizationServiceServicer):
    """Answers at once."""

    async def Authorize(self, request: pb.AuthorizeRequest, context: Any) -> pb.AuthorizeResponse:
        return messages.AUTHORIZED

    async def Charge(self, request: pb.ChargeRequest, context: Any) -> pb.ChargeResponse:
        return messages.CHARGED

    async def Settle(self, request: pb.SettleRequest, context: Any) -> pb.SettleResponse:
        return messages.SETTLED

    async def Session(
        self, requests: AsyncIterator[pb.SessionRequest], context: Any
    ) -> AsyncIterator[pb.SessionResponse]:
        async for request in requests:
            yield results(len(request.operations), request.operations[-1].id)


@lru_cache(64)
def prepared(count: int) -> pb.SessionResponse:
    """So many results of charges."""
    result = pb.OperationResult(id=1, charge=messages.CHARGED)
    return pb.SessionResponse(results=[result] * count)


def results(count: int, last_id: int) -> pb.SessionResponse:
    """A prepared message; its last result alone bears the id that was asked."""
    response = prepared(count)
    response.results[-1].id = last_id
    return response


async def serve(port: int) -> None:
    """Serve on loopback until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    pb_grpc.add_CallAuthorizationServiceServicer_to_server(Echo(), server)  # type: ignore[abstract]
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("serving", flush=True)
    await stop.wait()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
