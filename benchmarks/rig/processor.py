"""Processor time and memory of processes, as the kernel counts them."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Positions after the command name, which ends with the last parenthesis.
USER_TICKS, SYSTEM_TICKS = 11, 12

# Process ids by a name; what has several processes is counted as one.
Watched = Mapping[str, Sequence[int]]


def cpu_s(pid: int) -> float:
    """Processor time of all threads so far, user and system, in seconds (steps of a hundredth)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / TICKS_A_SECOND


def resident_mb(pid: int) -> float:
    """Memory that a process holds, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 2**20


def children_of(pid: int) -> dict[int, str]:
    """A process' children by their id, each with its command line."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    found = {}
    for each in map(int, text.split()):
        command = Path(f"/proc/{each}/cmdline").read_bytes()
        found[each] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


class Stopwatch:
    """Processor time of some processes, by name, since it was made."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._before, self._started = self._now(), time.monotonic()

    def figures(self, requests: int, elapsed_s: float = 0.0) -> dict[str, float]:
        """What one of so many requests cost each process, as <name>_cpu_us, and the cores that it
        used in the meantime, or in the `elapsed_s` that they took, as <name>_busy.

        A saturated server that was busy for less than nine tenths had to share its core.
        """
        elapsed_s, now = elapsed_s or time.monotonic() - self._started, self._now()
        used = {name: now[name] - before for name, before in self._before.items()}
        costs = {f"{name}_cpu_us": each_s * 1e6 / requests for name, each_s in used.items()}
        return costs | {f"{name}_busy": each_s / elapsed_s for name, each_s in used.items()}

    def _now(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, pids)) for name, pids in self._watched.items()}
