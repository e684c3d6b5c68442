"""Where the worker's time goes under load: py-spy's stacks, and a table made of them."""

import itertools
import re
import shutil
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.rig.bench import Bench
from benchmarks.rig.children import ChildFailed, child

TOP = 45
# The innermost frame of a loop with nothing to do.
WAITING = "epoll_"
FRAME = re.compile(r"(?P<name>.+) \((?P<where>[^()]+?)(:\d+)?\)")


class Profile(NamedTuple):
    """Samples by frame: where the processor was, and what had been called to get there."""

    stacks: Counter[str]

    @property
    def samples(self) -> int:
        """How often the loop was seen at work."""
        return self.stacks.total()

    def own(self) -> Counter[str]:
        """Samples in the frame itself."""
        counts = Counter[str]()
        for stack, count in self.stacks.items():
            counts[stack.rpartition(";")[2]] += count
        return counts

    def within(self) -> Counter[str]:
        """Samples in the frame or in what it called."""
        counts = Counter[str]()
        for stack, count in self.stacks.items():
            for frame in set(stack.split(";")):
                counts[frame] += count
        return counts

    def table(self) -> str:
        """The frames with most time, as text."""
        return "\n".join(
            [
                f"{self.samples} samples of the busy event loop under saturating load",
                "",
                *_column("in the frame itself", self.own(), self.samples),
                "",
                *_column("in the frame and what it calls", self.within(), self.samples),
                "",
            ]
        )

    def folded(self) -> str:
        """The stacks in the format that flame graphs are made of."""
        return "".join(f"{stack} {count}\n" for stack, count in sorted(self.stacks.items()))


async def take_profile(bench: Bench, name: str, load: Callable[[], Awaitable[None]]) -> None:
    """Watch the worker while a load runs; writes <name>.folded and <name>.txt among the profiles.

    The load's figures do not count: watching slows the worker down.
    """
    plan, directory = bench.plan, bench.run.profiles
    assert directory is not None
    directory.mkdir(parents=True, exist_ok=True)
    raw = bench.place / "profile.raw"
    command = (
        *(_py_spy(), "record", "--format", "raw", "--output", str(raw)),
        *("--native", "--threads"),
        *("--rate", str(plan.profile_hz), "--duration", str(int(plan.profile_s))),
        *("--pid", str(bench.service.worker_pids[0])),
    )
    log = bench.place / "py-spy.log"
    async with child("py-spy", *command, log=log) as watching:
        await load()
        if await watching.wait(plan.profile_s + 30):
            raise watching.failed("could not watch the worker (it needs the right to trace it)")
    profile = read(raw.read_text())
    (directory / f"profile-{name}.folded").write_text(profile.folded())
    (directory / f"profile-{name}.txt").write_text(profile.table())


def read(folded: str) -> Profile:
    """The profile in py-spy's raw format: frames from the outermost, then a count.

    Only the event loop's thread counts: the others wait in ways that look like work. Frames lose
    their lines, and native ones are joined to their library, so that what is alike adds up.
    """
    stacks = Counter[str]()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if "MainThread" in thread and not frames[-1].startswith(WAITING):
            labels = [_label(frame) for frame in frames]
            kept = [label for label, _ in itertools.groupby(labels)]
            stacks[";".join(kept)] += int(count)
    return Profile(stacks)


def _label(frame: str) -> str:
    found = FRAME.fullmatch(frame)
    if found is None:
        return frame
    name, where = found["name"], found["where"]
    if where.endswith(".py") or where.startswith("<"):
        return f"{name} ({where})"
    library = where.rpartition("/")[2].partition(".")[0] if ".so" in where else "native"
    named = library == "libc" and not name.startswith("0x")
    return f"[{library} {name}]" if named else f"[{library}]"


def _column(title: str, counts: Counter[str], samples: int) -> list[str]:
    rows = (f"{count / samples:7.1%}  {frame}" for frame, count in counts.most_common(TOP))
    return [title, *rows]


def _py_spy() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    program = str(beside) if beside.exists() else shutil.which("py-spy")
    if program is None:
        raise ChildFailed("py-spy is not installed: it comes with the development dependencies")
    return program
