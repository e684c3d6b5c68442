"""The simulator and the demo: through kills of the server, and ended by Ctrl-C at any moment."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from server.embedded.state_dir import StateDir
from tests.acceptance.processes import Server, command, environment, serving, wait_for
from tests.scratch import scratch_dir

FAULTLESS = "zero differences; every call is in the ledger exactly once."
MIDDLE = r" ([1-9]\d)/\d+ calls done: [1-9]\d* active"
QUICK = (
    *("--calls", "50", "--concurrency", "15", "--length", "30s"),
    *("--speed", "40", "--report-interval", "10s"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch_dir() as state_dir, serving(state_dir) as running:
        yield running


class Printing:
    """A process whose standard output is read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path, errors: Path) -> None:
        self.process, self._output, self._errors = process, output, errors

    @property
    def out(self) -> str:
        """What it printed so far."""
        return self._output.read_text()

    @property
    def err(self) -> str:
        """What it printed to standard error so far."""
        return self._errors.read_text()

    def says(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        """Waits until it has printed something."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.out)
            assert found or self.process.poll() is None, f"it ended:\n{self.out}\n{self.err}"
            return found

        found = wait_for(look, pattern, seconds)
        assert found is not None
        return found

    def end(self) -> int:
        """Its exit code, once it ends."""
        return self.process.wait(60)


@contextmanager
def printing(directory: Path, *arguments: str, **settings: object) -> Iterator[Printing]:
    """A command that runs beside the test, on the state directory."""
    output, errors = directory / "command.out", directory / "command.err"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command(*arguments), stdout=out, stderr=err, env=environment(directory, **settings)
        )
    try:
        yield Printing(process, output, errors)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def test_a_killed_worker_loses_and_doubles_nothing(server: Server) -> None:
    with _simulate(server, *QUICK) as simulation:
        simulation.says(MIDDLE)
        os.kill(server.worker_pid(), signal.SIGKILL)
        assert simulation.end() == 0, simulation.out + simulation.err
    assert FAULTLESS in simulation.out
    assert "worker died" in server.log
    _audit_is_clean(server)


def test_a_killed_server_loses_and_doubles_nothing(server: Server) -> None:
    with _simulate(server, *QUICK) as simulation:
        simulation.says(MIDDLE)
        server.stop(signal.SIGKILL)
        server.start()
        assert simulation.end() == 0, simulation.out + simulation.err
    assert "Not answered and asked again" in simulation.out
    assert FAULTLESS in simulation.out
    _audit_is_clean(server)


def test_an_interrupted_simulation_settles_its_calls(server: Server) -> None:
    with _simulate(server, "--calls", "5000", "--concurrency", "10") as simulation:
        simulation.says(r"[1-9] active")
        simulation.process.send_signal(signal.SIGINT)
        assert simulation.end() == 0, simulation.out + simulation.err
    assert "Hanging up" in simulation.out
    assert re.search(r"Settle +\d+ +[\d.]+ ms +[\d.]+ ms", simulation.out)
    assert simulation.err == ""
    assert FAULTLESS in simulation.out


@pytest.mark.timeout(150)  # four starts, and the whole story
def test_the_demo_ends_cleanly_at_any_moment_and_then_shows_every_decision(state_dir: Path) -> None:
    for moment in ("Starting Tollgate", "Three tenants", r"[1-9]\d* active"):
        with _demo(state_dir) as demo:
            demo.says(moment)
            _ends_cleanly(demo, state_dir)
    with _demo(state_dir) as demo:
        demo.says("Your turn", seconds=60)
        _shows_every_decision(demo.out)
        _ends_cleanly(demo, state_dir)
    assert "Stopped." in demo.out


def test_the_demo_says_what_is_in_its_way(state_dir: Path) -> None:
    taken = StateDir(state_dir)
    taken.acquire()
    try:
        with _demo(state_dir) as demo:
            assert demo.end() == 1
    finally:
        taken.release()
    assert f"another server (process {os.getpid()}) uses" in demo.err


def _ends_cleanly(demo: Printing, state_dir: Path) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == 0, demo.err
    assert demo.err == ""
    assert _processes_of(state_dir) == []


def _shows_every_decision(told: str) -> None:
    assert re.search(r"Settle at 3:00 +POSTED to the ledger, \$0\.046", told)
    assert re.search(r"refused [1-9]\d* × INSUFFICIENT_BALANCE", told)
    assert re.search(r"refused [1-9]\d* × DAILY_CAP_REACHED", told)
    assert re.search(r"48 calls: [1-9]\d* accepted, .*, [1-9]\d* times extended", told)
    assert re.search(r"[1-9]\d* were hung up, ([1-9]\d*) settled, \1 posted", told)
    assert "An operator ends the call" in told
    assert re.search(r"Last Penny Pizza has\s+\$0.02 left", told)
    assert "tollgate call carry last-penny-pizza &" in told
    assert FAULTLESS in told


def _simulate(server: Server, *arguments: str) -> AbstractContextManager[Printing]:
    return printing(server.state_dir, "simulate", *arguments, server=server.address)


def _demo(state_dir: Path) -> AbstractContextManager[Printing]:
    return printing(state_dir, "demo", grpc_listen="127.0.0.1:0", http_listen="127.0.0.1:0")


def _audit_is_clean(server: Server) -> None:
    done = subprocess.run(
        command("audit"),
        env=environment(server.state_dir, server=server.address),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Zero differences." in done.stdout


def _processes_of(state_dir: Path) -> list[str]:
    """Processes that run on the state directory: servers, workers and stores."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(state_dir) in told and b"pytest" not in told:
                found.append(process.name)
    return found
