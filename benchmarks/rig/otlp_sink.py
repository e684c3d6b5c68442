"""A collector of telemetry that takes everything and keeps nothing but a count.

`python -m benchmarks.rig.otlp_sink PORT` says on its end how many exports of which kind came.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from typing import Any

import grpc
import uvloop

SPANS = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Sink(grpc.GenericRpcHandler):
    """Answers every unary method with an empty message."""

    def __init__(self) -> None:
        self.exports = Counter[str]()

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method, whichever it is."""
        method = handler_call_details.method

        async def answer(request: bytes, context: Any) -> bytes:
            self.exports[method] += 1
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


async def serve(port: int) -> None:
    """Serve on loopback until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sink, server = Sink(), grpc.aio.server()
    server.add_generic_rpc_handlers((sink,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("serving", flush=True)
    await stop.wait()
    await server.stop(None)
    print(json.dumps(sink.exports), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
