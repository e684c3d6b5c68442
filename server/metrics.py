"""The Prometheus metrics of the edge, and their exposition over one or many processes."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

# From half a millisecond, because the service answers in about one.
DURATION_BUCKETS_S = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

CALL_DURATION = Histogram(
    "rpc_server_call_duration_seconds",
    "How long requests took, by method and status.",
    ["rpc_method", "rpc_response_status_code"],
    buckets=DURATION_BUCKETS_S,
)
SHED = Counter(
    "tollgate_requests_shed",
    "Requests, and operations of streams, turned away under load.",
    ["rpc_method"],
)
IN_FLIGHT = Gauge(
    "tollgate_requests_in_flight", "Unary requests being worked on.", multiprocess_mode="livesum"
)
LOOP_LAG = Gauge(
    "tollgate_event_loop_lag_seconds",
    "How late the event loop was, at worst, within the last second.",
    multiprocess_mode="livemax",
)
DECISIONS = Counter("tollgate_decisions", "Authorizes by refusal; NONE: accepted.", ["reason"])
DIRECTIVES = Counter("tollgate_directives", "What Charge told running calls.", ["directive"])
SESSIONS = Gauge("tollgate_sessions", "Session streams that are open.", multiprocess_mode="livesum")
SESSION_OPERATIONS = Counter("tollgate_session_operations", "Operations that came on streams.")
PUSHES = Counter("tollgate_pushes", "What calls were told without having asked.", ["directive"])
POSTED = Counter("tollgate_outbox_entries_posted", "Outbox entries that reached the ledger.")
SWEPT = Counter("tollgate_leases_swept", "Lease entries that were due, by what was done.", ["deed"])
REBUILDS = Counter("tollgate_shard_rebuilds", "Shards rebuilt because the live store lost them.")
WEBHOOKS = Counter(
    "tollgate_webhooks",
    "Messages of payment providers, by what became of them.",
    ["provider", "outcome"],
)
NOTIFICATIONS = Counter(
    "tollgate_notifications",
    "Attempts to tell tenants, by channel and outcome: sent, failed (tried again), dead.",
    ["channel", "outcome"],
)
NOTIFICATION_DEPTH = Gauge(
    "tollgate_notification_depth",
    "Notifications that wait to be sent.",
    ["channel"],
    multiprocess_mode="livemax",
)
ALARMS = Counter("tollgate_alarms", "What an operator must look at.", ["alarm"])
AUDIT_DIFFERENCES = Gauge(
    "tollgate_audit_differences",
    "Tenants whose live balance differs from the ledger.",
    multiprocess_mode="livemax",
)
OUTBOX_DEPTH = Gauge(
    "tollgate_outbox_depth", "Outbox entries not posted yet.", multiprocess_mode="livemax"
)


def exposition(processes: str | None = None) -> bytes:
    """The metrics as text; of all processes that write to the directory `processes`."""
    return generate_latest(_registry(processes))


def decision_counts(processes: str | None = None) -> tuple[int, int]:
    """How many authorizes were accepted, and how many refused, in all processes."""
    accepted = refused = 0.0
    for metric in _registry(processes).collect():
        if metric.name != "tollgate_decisions":
            continue
        for sample in metric.samples:
            if sample.name != "tollgate_decisions_total":
                continue
            if sample.labels["reason"] == "NONE":
                accepted += sample.value
            else:
                refused += sample.value
    return int(accepted), int(refused)


def _registry(processes: str | None) -> CollectorRegistry:
    if processes is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, processes)  # type: ignore[no-untyped-call]
    return registry
