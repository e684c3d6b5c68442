"""What the figures were taken on: machine, versions, commit."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from server.embedded.program import find_postgres, find_valkey

ROOT = Path(__file__).parent.parent
PACKAGES = ("grpcio", "protobuf", "uvloop", "redis", "asyncpg", "msgpack")
# What changes the figures; a changed document does not.
MEASURED = ("server", "quota", "ledger", "protos", "benchmarks", "locks")


def described() -> dict[str, object]:
    """The machine and the versions of what runs on it."""
    store = find_valkey()
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "store": f"{store.path.name} {store.version}",
        "postgres": find_postgres().version,
        **{name: version(name) for name in PACKAGES},
        # What else ran when the benchmark began: figures from a busy machine are noisy.
        "load_average": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The short commit, with "-dirty" when measured code differs from it; else "unknown"."""
    short = _git("rev-parse", "--short=8", "HEAD")
    if not short:
        return "unknown"
    changed = _git("status", "--porcelain", "--", *MEASURED, ":!benchmarks/results")
    return f"{short}-dirty" if changed else short


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
