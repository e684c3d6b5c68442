"""What is said when the client library is not installed, and that only the simulator needs it."""

import subprocess
import sys

CLIENT = "clients/python/src"


def _without_the_library(code: str) -> subprocess.CompletedProcess[str]:
    paths = [path for path in sys.path if path and not path.endswith(CLIENT)]
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {paths!r}; {code}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_library_is_told_with_what_to_do() -> None:
    done = _without_the_library("import server.simulator.library")
    assert done.returncode == 1
    assert "pip install -e clients/python" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_other_commands_do_without_the_library() -> None:
    done = _without_the_library("import server.cli, server.app")
    assert done.returncode == 0, done.stderr
