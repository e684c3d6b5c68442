"""Brings a run's figures into README.md and docs/capacity.md, between markers.

`python -m benchmarks.publish benchmarks/results/<stamp>`; a test holds both against the results
that they name.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import capacity
from benchmarks.machine import ROOT

README, CAPACITY = ROOT / "README.md", ROOT / "docs" / "capacity.md"
BEGIN = "<!-- figures of {} -->"
END = "<!-- end of figures -->"
BLOCK = re.compile(r"<!-- figures of (?P<source>\S+) -->\n.*?<!-- end of figures -->", re.DOTALL)
NONE, UNMEASURED = "none", "Not measured yet."


def ratios(results: Mapping[str, Any]) -> str:
    """The README's table: whatever has an aim, reached or not. The rest is in the results."""
    machine = results["machine"]
    lines = ["| ratio | aim | | measured | beside |", "|--:|--:|---|--:|---|"]
    lines += [_row(each) for each in results["findings"] if each["aim"] is not None]
    taken = f"{results['taken_at'][:10]}, commit {results['commit']}, {results['plan']} run"
    lines += ["", f"{taken}: {machine['cores']} cores of {machine['cpu']} for everything."]
    return "\n".join(lines)


def _row(finding: Mapping[str, Any]) -> str:
    aim = f"{'≤' if finding['at_most'] else '≥'} {finding['aim']:g}"
    if not finding["reached"]:
        aim += ", missed"
    measured, ceiling = (_short(finding[each]) for each in ("measured", "ceiling"))
    return (
        f"| **{finding['ratio']:.2f}** | {aim} | {finding['what']} "
        f"| {measured} {finding['unit']} | {ceiling}: {finding['beside']} |"
    )


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.3g}"


def sizing(results: Mapping[str, Any]) -> str:
    """The tables of docs/capacity.md. Raises capacity.Incomplete."""
    return capacity.written(capacity.costs_of(results))


PLACES = {README: ratios, CAPACITY: sizing}


def source_of(text: str) -> str:
    """The results, as a path in the checkout, that a document's figures are of."""
    found = BLOCK.search(text)
    assert found is not None, "the markers are missing"
    return found["source"]


def put(text: str, source: str, figures: str) -> str:
    """The text with other figures between its markers."""
    block = f"{BEGIN.format(source)}\n{figures}\n{END}"
    return BLOCK.sub(lambda _: block, text)


def main() -> None:
    """Publish the results of a directory."""
    directory = Path(sys.argv[1]).resolve()
    source = directory.relative_to(ROOT).as_posix()
    results = capacity.read(directory)
    for path, show in PLACES.items():
        path.write_text(put(path.read_text(), source, show(results)))
        print(f"{path.relative_to(ROOT)} shows {source}")


if __name__ == "__main__":
    main()
