"""h2load as a gRPC client: one prepared body, many requests, more than a server can take.

It sees HTTP statuses only; whether gRPC was content must be asked elsewhere.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from benchmarks.rig.children import ChildFailed, run_to_end

DEADLINE = "5S"
# Twice what the slowest run should take, and never less than this.
LEAST_TIMEOUT_S = 30.0

_RATE = re.compile(r"finished in \S+, ([\d.]+) req/s")
_SUCCEEDED = re.compile(r"(\d+) succeeded")
_BODIES = re.compile(r"\((\d+)\) data")


class Load(NamedTuple):
    """How many requests went through, how fast, and the bytes of all bodies that came back."""

    requests: int
    requests_per_s: float
    body_bytes: int


class Aim(NamedTuple):
    """What is asked: a gRPC method at an address, with a key and a framed body in a file."""

    address: str
    method: str
    key: str
    body: Path


def found() -> str | None:
    """The program on PATH; None when it is not installed."""
    return shutil.which("h2load")


async def drive(
    aim: Aim, requests: int, *, connections: int, streams: int, timeout_s: float
) -> Load:
    """Send so many requests and wait for all replies. Raises ChildFailed unless all came."""
    program = found()
    assert program is not None
    headers = {
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": DEADLINE,
        "authorization": f"Bearer {aim.key}",
    }
    output = await run_to_end(
        program,
        *(f"--requests={requests}", f"--clients={connections}"),
        *(f"--max-concurrent-streams={streams}", f"--data={aim.body}"),
        *(f"--header={name}: {value}" for name, value in headers.items()),
        f"http://{aim.address}/{aim.method}",
        timeout_s=max(LEAST_TIMEOUT_S, timeout_s),
    )
    load = parse(output.decode())
    if load.requests != requests:
        raise ChildFailed(f"{load.requests} of {requests} requests succeeded\n{output.decode()}")
    return load


def parse(output: str) -> Load:
    """What h2load tells at its end."""
    rate, succeeded, bodies = (each.search(output) for each in (_RATE, _SUCCEEDED, _BODIES))
    if not (rate and succeeded and bodies):
        raise ChildFailed(f"h2load said something unforeseen\n{output}")
    return Load(int(succeeded[1]), float(rate[1]), int(bodies[1]))
