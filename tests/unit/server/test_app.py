"""What runs beside the requests of a worker."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from server import app


async def test_a_job_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "RESTART_PAUSE_S", 0)
    again, starts = asyncio.Event(), 0

    async def job() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise RuntimeError("a bug")
        again.set()
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack, asyncio.timeout(5):
        app._run_beside(stack, job)
        await again.wait()
