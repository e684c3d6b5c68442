"""Figures of one question: rounds of subjects of named numbers, their medians, and what follows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Self

SERVICE, ECHO = "service", "echo"

# By name, the unit at the end: requests_per_s, worker_cpu_us, p99_ms.
Figures = Mapping[str, float]
Rounds = Sequence[Mapping[str, Figures]]


@dataclass(frozen=True)
class Finding:
    """A ratio, what was divided by what, and what it should be. `key` names it for programs."""

    key: str
    what: str
    measured: float
    ceiling: float
    unit: str
    beside: str
    aim: float | None = None
    # Whether the aim is a bound from above: a cost rather than a throughput.
    at_most: bool = False
    # That of each round, where both were measured in rounds: a machine's speed drifts more from
    # round to round than within one.
    ratios: tuple[float, ...] = ()

    @classmethod
    def over(
        cls, rounds: Rounds, subjects: tuple[str, str], name: str, key: str, what: str, **rest: Any
    ) -> Self:
        """A figure of a subject beside that of another. Raises KeyError without a round of both."""
        both = [tuple(values([each], subject, name) for subject in subjects) for each in rounds]
        pairs = [(one[0], other[0]) for one, other in both if one and other]
        if not pairs:
            raise KeyError(f"{subjects}: {name}")
        measured, ceiling = (median(side) for side in zip(*pairs, strict=True))
        ratios = tuple(one / other if other else math.nan for one, other in pairs)
        return cls(key, what, measured, ceiling, ratios=ratios, **rest)

    @property
    def ratio(self) -> float:
        """What was measured beside its ceiling."""
        if self.ratios:
            return median(self.ratios)
        return self.measured / self.ceiling if self.ceiling else math.nan

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None when there is none."""
        if self.aim is None:
            return None
        return self.ratio <= self.aim if self.at_most else self.ratio >= self.aim

    def written(self) -> dict[str, object]:
        """The finding as it is written down."""
        return {
            "key": self.key,
            "what": self.what,
            "ratio": round(self.ratio, 4),
            "ratios": [round(each, 4) for each in self.ratios],
            "aim": self.aim,
            "at_most": self.at_most,
            "reached": self.reached,
            "measured": round(self.measured, 3),
            "ceiling": round(self.ceiling, 3),
            "unit": self.unit,
            "beside": self.beside,
        }


@dataclass(frozen=True)
class Answer:
    """What a question found. `notes` say what must be known to read the figures."""

    question: str
    notes: Sequence[str]
    # One entry a round, in the order of time; in each, figures by subject.
    rounds: Rounds
    findings: Sequence[Finding] = ()
    # What is drawn besides: series of points by name.
    series: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def subjects(self) -> list[str]:
        """Who was measured, in the order of their first appearance."""
        return _in_order(subject for each in self.rounds for subject in each)

    def names(self) -> list[str]:
        """Which figures there are, whoever has them."""
        return _in_order(
            name for each in self.rounds for figures in each.values() for name in figures
        )

    def values(self, subject: str, name: str) -> list[float]:
        """One figure of one subject over the rounds that have it."""
        return values(self.rounds, subject, name)

    def median(self, subject: str, name: str) -> float | None:
        """Its median; None when it was not measured."""
        found = self.values(subject, name)
        return median(found) if found else None

    def written(self) -> dict[str, object]:
        """The answer as it is written down."""
        medians = {
            subject: {
                name: round(value, 3)
                for name in self.names()
                if (value := self.median(subject, name)) is not None
            }
            for subject in self.subjects()
        }
        return {
            "notes": list(self.notes),
            "findings": [each.written() for each in self.findings],
            "medians": medians,
            "rounds": [
                {
                    subject: {name: round(value, 3) for name, value in figures.items()}
                    for subject, figures in each.items()
                }
                for each in self.rounds
            ],
            "series": {
                name: [[round(x, 4), round(y, 4)] for x, y in points]
                for name, points in self.series.items()
            },
        }


def values(rounds: Rounds, subject: str, name: str) -> list[float]:
    """One figure of one subject over the rounds that have it."""
    rows = [each[subject] for each in rounds if subject in each]
    return [row[name] for row in rows if name in row]


def middle(rounds: Rounds, subject: str, name: str) -> float:
    """The median of a figure that was measured. Raises KeyError when it was not."""
    found = values(rounds, subject, name)
    if not found:
        raise KeyError(f"{subject}: {name}")
    return median(found)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed (nearest rank)."""
    return values[max(1, math.ceil(len(values) * share)) - 1]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much y rises for one x, by least squares; 0 for fewer than two different x."""
    if not points:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
