"""What happened in a simulation, counted as it happens."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_DURATIONS = 50_000


@dataclass(slots=True)
class TenantTally:
    """One tenant's counts. Money is in micros, as the tenant's balance last told it."""

    name: str = ""
    currency: str = "USD"
    begun: int = 0
    active: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    extended: int = 0
    finished: int = 0
    hung_up: int = 0
    reopened: int = 0
    lost: int = 0
    settled: int = 0
    posted: int = 0
    charged_micros: int = 0
    overrun_micros: int = 0
    balance_micros: int | None = None
    cap_left_micros: int | None = None


class Tally:
    """All counts of one simulation."""

    def __init__(self, tenants: Iterable[str]) -> None:
        self.tenants = {tenant_id: TenantTally(name=tenant_id) for tenant_id in tenants}
        self.unanswered: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.not_posted: list[str] = []
        self.posted_calls: list[tuple[str, str]] = []
        self._durations: dict[str, deque[float]] = {}

    def took(self, rpc: str, seconds: float) -> None:
        """Notes how long an answered question took."""
        self._durations.setdefault(rpc, deque(maxlen=MAX_DURATIONS)).append(seconds)

    def failed(self, status: str) -> None:
        """Notes a question that was not answered."""
        self.unanswered[status] += 1

    def questions(self) -> dict[str, int]:
        """How many questions of each kind were answered (at most the last 50,000)."""
        return {rpc: len(durations) for rpc, durations in self._durations.items()}

    def percentile_ms(self, rpc: str, share: float) -> float:
        """The duration that `share` of the answers stayed within."""
        ordered = sorted(self._durations[rpc])
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def total(self, count: str) -> int:
        """One count over all tenants."""
        return sum(getattr(tenant, count) for tenant in self.tenants.values())

    def refusals(self) -> Counter[str]:
        """Refusals by reason over all tenants."""
        return sum((tenant.refused for tenant in self.tenants.values()), Counter())
