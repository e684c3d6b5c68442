"""Real processes of the command line: a server to talk to, and commands that talk to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

UP_S = 30.0
END_S = 30.0
POLL_S = 0.02

Found = TypeVar("Found")


def environment(state_dir: Path, **settings: object) -> dict[str, str]:
    """The variables of a command that works on the state directory."""
    variables = {f"TOLLGATE_{name.upper()}": str(value) for name, value in settings.items()}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "TOLLGATE_STATE_DIR": str(state_dir)}
    return os.environ | {"COLUMNS": "120"} | paths | variables


def command(*arguments: str) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-m", "server", *arguments]


def wait_for(look: Callable[[], Found], what: str, seconds: float = UP_S) -> Found:
    """What `look` finds, as soon as it finds something."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, f"waited {seconds} s for {what}"
        time.sleep(POLL_S)
    return found


class Server:
    """`tollgate serve` on a state directory, with its log."""

    def __init__(self, state_dir: Path, address: str = "127.0.0.1:0", **settings: Any) -> None:
        self.state_dir, self.address, self._settings = state_dir, address, settings
        self.http = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._log = state_dir / "serve.log"

    def start(self) -> None:
        """Starts it, the first time on a free port, and waits until it listens."""
        begun = self._log.stat().st_size if self._log.exists() else 0
        chosen = {"grpc_listen": self.address, "http_listen": "127.0.0.1:0", "drain_s": 1}
        variables = environment(self.state_dir, **chosen | self._settings)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command("serve"), stdout=log, stderr=log, env=variables)
        told = wait_for(lambda: self._event("listening", begun), "the server to listen")
        self.address, self.http = told["grpc"], told["http"]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signals it and waits for its end."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(END_S)

    def worker_pid(self) -> int:
        """The worker that runs now."""
        pid: int = wait_for(lambda: self._event("worker ready", 0), "a worker")["pid"]
        return pid

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    def _event(self, name: str, begun: int) -> dict[str, Any]:
        """The last line of the log that tells the event."""
        found: dict[str, Any] = {}
        for line in self._log.read_bytes()[begun:].splitlines():
            if line.startswith(b"{") and line.endswith(b"}"):
                told = json.loads(line)
                found = told if told["event"] == name else found
        return found


@contextmanager
def serving(state_dir: Path, **settings: Any) -> Iterator[Server]:
    """A server that ends with the block."""
    server = Server(state_dir, **settings)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
