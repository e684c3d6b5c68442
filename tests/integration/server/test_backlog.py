"""Requests that come while the event loop is held up are answered by us, not cancelled by gRPC."""

import asyncio
import sys
from collections import Counter
from typing import Any

import grpc

from server.sockets import address_of, reserve

REQUESTS, CONNECTIONS = 3_000, 3
# Echoes, and stops the world once when asked to.
SERVER = """
import asyncio, sys, time
import grpc
from server.grpc_server import OPTIONS

async def echo(request, context):
    if request == b"stop":
        asyncio.get_running_loop().call_later(0.2, time.sleep, 1)
    return request

async def main():
    server = grpc.aio.server(options=OPTIONS)
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t.T", handlers)])
    server.add_insecure_port(sys.argv[1])
    await server.start()
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_backlog_of_thousands_is_answered() -> None:
    held = reserve("127.0.0.1:0")
    address = address_of(held)
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, address)
    channels = [grpc.aio.insecure_channel(address, [("n", n)]) for n in range(CONNECTIONS)]
    try:
        asks: list[Any] = [channel.unary_unary("/t.T/Echo") for channel in channels]
        for ask in asks:
            await ask(b"", wait_for_ready=True, timeout=20)
        await asks[0](b"stop")
        await asyncio.sleep(0.3)
        told: Counter[str] = Counter()

        async def one(number: int) -> None:
            try:
                await asks[number % CONNECTIONS](b"", timeout=20)
                told["OK"] += 1
            except grpc.aio.AioRpcError as error:
                told[error.code().name] += 1

        await asyncio.gather(*(one(number) for number in range(REQUESTS)))
        assert told == {"OK": REQUESTS}
    finally:
        for channel in channels:
            await channel.close()
        server.terminate()
        await server.wait()
        held.close()
