"""Figures of one question: rounds of subjects of named numbers, their medians and ratios."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

SERVICE, ECHO = "service", "echo"

# By name, the unit at the end: requests_per_s, worker_cpu_us, p99_ms.
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """What a question found. `notes` say what must be known to read the figures."""

    question: str
    notes: Sequence[str]
    # One entry a round, in the order of time; in each, figures by subject.
    rounds: Sequence[Mapping[str, Figures]]

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
        rows = [each[subject] for each in self.rounds if subject in each]
        return [row[name] for row in rows if name in row]

    def median(self, subject: str, name: str) -> float | None:
        """Its median; None when it was not measured."""
        values = self.values(subject, name)
        return median(values) if values else None

    def ratio(self, name: str) -> float | None:
        """The service's median beside the echo's; None unless both were measured."""
        service, echo = self.median(SERVICE, name), self.median(ECHO, name)
        return service / echo if service is not None and echo else None

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
        ratios = {
            name: round(ratio, 4)
            for name in self.names()
            if (ratio := self.ratio(name)) is not None
        }
        return {
            "notes": list(self.notes),
            "ratios": ratios,
            "medians": medians,
            "rounds": [
                {
                    subject: {name: round(value, 3) for name, value in figures.items()}
                    for subject, figures in each.items()
                }
                for each in self.rounds
            ],
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed (nearest rank)."""
    return values[max(1, math.ceil(len(values) * share)) - 1]


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
