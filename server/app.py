"""One worker process, put together: the only place that knows all parts."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from ledger.api_key import StoredKey
from ledger.audit import AuditReader
from ledger.calls import Calls
from ledger.console_access import ConsoleAccess
from ledger.documents.archive import Documents
from ledger.history.exporting import HistoryExport
from ledger.history.reader import History
from ledger.history.seeding import Seeder
from ledger.journal import Journal
from ledger.keys import ApiKeys
from ledger.organisations.register import Organisations
from ledger.ownership import Ownership
from ledger.pool import Pool, open_pool
from ledger.refusals import Refusals
from ledger.shards import Shards
from ledger.tariffs import Tariffs
from ledger.tenants import Tenants
from quota.errors import StoreUnfit
from quota.shard_state import identify
from quota.store import QuotaStore, ShardReader
from quota.topology import Topology, topology_of
from server.background.applying import ChangeApplier
from server.background.auditing import Auditor
from server.background.ending import end_tasks
from server.background.keeper import ShardKeeper
from server.background.owning import Job, ShardOwner
from server.background.posting import OutboxPoster
from server.background.pushing import Pusher
from server.background.sweeping import Sweeper
from server.billing.balance import BalanceDesk
from server.billing.calls import SettledCallDesk
from server.billing.console_links import ConsoleLinkDesk
from server.billing.documents import DocumentDesk
from server.billing.history.examples import ExampleDesk
from server.billing.history.exports import ExportDesk
from server.billing.history.overview import OverviewDesk
from server.billing.history.service import HistoryDesks
from server.billing.history.transactions import TransactionDesk
from server.billing.history.watching import BalanceWatch
from server.billing.keys import KeyDesk
from server.billing.organisations import OrganisationDesk
from server.billing.pending_debits import PendingDebits
from server.billing.quotes import QuoteDesk
from server.billing.service import BillingService
from server.billing.settlement_queue import SettlementQueue
from server.billing.state import Facts, StateDesk
from server.billing.tariffs import TariffDesk
from server.billing.tenants import TenantDesk
from server.calls.conclusions import Conclusions
from server.calls.desk import CallDesk
from server.calls.directory import TenantDirectory
from server.calls.lookup import CallLookup
from server.calls.price_book import PriceBook
from server.calls.refusal_log import RefusalLog
from server.calls.service import CallAuthorizationService
from server.calls.session.parts import MAX_IN_FLIGHT as SESSIONS_MAX_IN_FLIGHT
from server.calls.session.parts import SessionParts
from server.calls.session.sessions import Sessions
from server.console.console import Console
from server.documents.printing import print_pdf
from server.grpc_server import Service, grpc_server
from server.http import application, http_server
from server.interceptors.authentication import Authentication
from server.interceptors.chain import Chain, Concern
from server.interceptors.deadline import Deadline
from server.interceptors.durations import Durations
from server.interceptors.failures import Failures
from server.interceptors.key_ring import KeyFinder, KeyRing
from server.interceptors.overload import Limiter, Overload
from server.interceptors.principal import ADMIN
from server.interceptors.tracing import Tracing
from server.metrics import ALARMS
from server.notifications.parts import Notifying
from server.payments.parts import Payments
from server.saturation import watch
from server.settings import Misconfigured, Settings
from server.sockets import bind
from server.tallies import keep_writing
from server.telemetry import Telemetry, telemetry
from tollgate.v1 import billing_pb2_grpc, call_authorization_pb2_grpc

CALLS, BILLING = "tollgate.v1.CallAuthorizationService", "tollgate.v1.BillingService"
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
CHECK_TIMEOUT_S = 5.0
RESTART_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


async def run_worker(
    settings: Settings, index: int, *, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, then drain. `ready` is called when requests are taken."""
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(telemetry(f"worker-{index}"))
        parts = await Parts.open(settings, stack)
        services = parts.services(told)

        ring = KeyRing(_ValidKeys(parts.keys))
        stack.push_async_callback(ring.close)
        if settings.bootstrap_admin_key is not None:
            ring.pin(settings.bootstrap_admin_key.get_secret_value(), (ADMIN,))
        limiter = Limiter(settings.max_in_flight)
        _run_beside(stack, lambda: watch(lambda: limiter.in_flight))
        for job in parts.jobs():
            _run_beside(stack, job)

        await stack.enter_async_context(
            grpc_server(
                settings.grpc_listen,
                services,
                Chain(concerns(settings, told, ring, limiter)),
                reflected=settings.reflection,
                drain=parts.drain,
                drain_s=settings.drain_s,
            )
        )
        if index == 0:
            console = parts.console(settings, services, ring)
            web = application(
                parts.health,
                metrics_dir=os.environ.get(METRICS_DIR),
                routes=[*parts.payments.webhooks.routes(), *console.routes],
            )
            await stack.enter_async_context(http_server(web, bind(settings.http_listen)))
            stack.callback(console.drain)
        ready()
        await stop.wait()


def concerns(settings: Settings, told: Telemetry, ring: KeyRing, limiter: Limiter) -> list[Concern]:
    """What happens around every request, outermost first."""
    return [
        *([Tracing(told.tracer, told.draw)] if told.tracer and told.draw else []),
        Durations(),
        Failures(),
        Overload(limiter),
        Authentication(ring),
        Deadline(settings.default_deadline_ms / 1000, settings.max_deadline_ms / 1000),
    ]


class Parts:
    """The parts of a worker behind its services, built from the stores up."""

    def __init__(self, settings: Settings, pool: Pool, topology: Topology) -> None:
        assert settings.postgres_dsn is not None
        self._shards = range(settings.shards)
        self._patience_s = settings.default_deadline_ms / 1000
        self._dsn = settings.postgres_dsn.get_secret_value()
        self._seller, self._vat_percent = settings.seller(), settings.vat_percent
        self._console_origin = settings.console_origin()
        self._facts = Facts(
            settings.commit, settings.workers, os.environ.get(METRICS_DIR), datetime.now(UTC)
        )
        # the ledger
        self._pool = pool
        self.keys, self.tenants, self.tariffs = ApiKeys(pool), Tenants(pool), Tariffs(pool)
        self.calls, self.journal = Calls(pool), Journal(pool)
        self.organisations, self.documents = Organisations(pool), Documents(pool, print_pdf)
        self.history, self.console_access = History(pool), ConsoleAccess(pool)
        # the live store
        self.readers = [ShardReader(topology, shard) for shard in self._shards]
        # the poster and the applier wait for new entries; their reads must not hold up others
        self.outbox_readers = [ShardReader(topology, shard) for shard in self._shards]
        self.keeper = ShardKeeper(Shards(pool), self.readers)
        self.store = QuotaStore(
            topology,
            self.keeper,
            shards=settings.shards,
            timing=settings.timing(),
            patience_s=settings.store_timeout_ms / 1000,
        )
        # what is kept in memory
        self.directory = TenantDirectory(self.store, self.tenants)
        self.watch = BalanceWatch(self.directory)
        self.book = PriceBook(self.tariffs)
        self.refusals = RefusalLog(Refusals(pool))
        self.sessions = Sessions()
        # work beside the requests
        self.applier = ChangeApplier(
            self.store, self.readers, self.tenants, self.directory, self.keeper
        )
        self.payments = Payments(settings, pool, self.store, self.applier, self._console_origin)
        self.notifying = Notifying(settings, pool, self.documents, self.directory)
        self.auditor = Auditor(
            self.store, self.readers, AuditReader(pool), settings.repair_limit_micros
        )
        self.posters = [
            OutboxPoster(shard, self.store, self.outbox_readers[shard], self.journal, self.book)
            for shard in self._shards
        ]
        self.pushers = [
            Pusher(shard, topology, self.store, self.directory, self.sessions)
            for shard in self._shards
        ]
        self.sweepers = [Sweeper(shard, self.store, self.readers[shard]) for shard in self._shards]
        self.keeper.drain_with(lambda shard, n: self.posters[shard].drain(n))

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> "Parts":
        """Connects to both stores. Raises what says which setting to mend."""
        assert settings.postgres_dsn is not None
        assert settings.redis_url is not None
        pool = await open_pool(
            settings.postgres_dsn.get_secret_value(),
            statement_timeout_ms=max(5_000, settings.store_timeout_ms),
        )
        stack.push_async_callback(pool.close)
        topology = topology_of(
            settings.redis_url.get_secret_value(), settings.store_timeout_ms / 1000
        )
        parts = cls(settings, pool, topology)
        for reader in (*parts.readers, *parts.outbox_readers):
            stack.push_async_callback(reader.close)
        stack.push_async_callback(parts.store.close)
        stack.push_async_callback(parts.refusals.flush)
        stack.push_async_callback(parts.payments.close)
        stack.push_async_callback(parts.notifying.close)
        for shard in parts._shards:
            await _check_fit(topology, shard)
        await parts.book.refresh()
        return parts

    def services(self, told: Telemetry) -> list[Service]:
        """The gRPC services."""
        conclusions = Conclusions(self.book, self.refusals)
        desk = CallDesk(self.store, self.directory, self.book, self.calls, conclusions)
        calls = CallAuthorizationService(
            desk,
            CallLookup(self.store, self.readers, self.directory, self.book, self.calls),
            SessionParts(
                self.store,
                desk,
                self.sessions,
                Limiter(SESSIONS_MAX_IN_FLIGHT),
                self._patience_s,
                told,
            ),
        )
        debits = PendingDebits(self.store, self.readers)
        billing = BillingService(
            TenantDesk(self.tenants, debits, self.applier),
            BalanceDesk(self.store, debits, self.directory, self.tenants, self.applier),
            TariffDesk(self.tariffs, self.tenants, self.book),
            SettledCallDesk(self.calls, self.history, self.book),
            KeyDesk(self.keys),
            self.auditor,
            OrganisationDesk(self.organisations, debits),
            DocumentDesk(
                self.documents,
                self.tenants,
                debits,
                SettlementQueue(self.store, self.readers),
                self.history,
                self.payments.top_ups,
                self.payments.exchange_rates,
                self._seller,
                self._vat_percent,
            ),
            self._history_desks(),
            self.payments.desk(debits),
            self.payments.rates,
            self.notifying.desk(debits),
            ConsoleLinkDesk(self.console_access, self._console_origin),
            QuoteDesk(self.tenants, self.book),
            StateDesk(self._facts, self.health, self.readers, self.notifying.queue),
        )
        register_calls = call_authorization_pb2_grpc.add_CallAuthorizationServiceServicer_to_server
        register_billing = billing_pb2_grpc.add_BillingServiceServicer_to_server
        return [
            Service(CALLS, lambda server: register_calls(calls, server), calls),
            Service(BILLING, lambda server: register_billing(billing, server), billing),
        ]

    def _history_desks(self) -> HistoryDesks:
        return HistoryDesks(
            OverviewDesk(self.history, self.directory),
            TransactionDesk(
                self.history,
                Refusals(self._pool),
                self.directory,
                self.payments.exchange_rates,
            ),
            ExportDesk(HistoryExport(self._pool), self.directory, self.book),
            self.watch,
            ExampleDesk(Seeder(self._pool)),
        )

    async def drain(self, patience_s: float) -> None:
        """Ends the streams within the patience."""
        self.watch.drain()
        await self.sessions.drain(patience_s)

    def console(self, settings: Settings, services: Sequence[Service], ring: KeyRing) -> Console:
        """The console over the services."""
        patience_s = self._patience_s
        return Console(settings, services, ring, self.console_access, deadline_s=patience_s)

    def jobs(self) -> list[Job]:
        """What every worker does beside its requests; the owner of a shard does more."""
        owned: list[list[Job]] = [
            [self.posters[shard].run, self.sweepers[shard].run] for shard in self._shards
        ]
        owned[0] += [self.applier.run, self.auditor.run, self.payments.returner.run]
        owned[0].append(self.notifying.courier.run)
        owner = ShardOwner(Ownership(self._dsn), owned)
        listening = [pusher.run for pusher in self.pushers]
        kept = [self.book.keep_fresh, self.refusals.keep_flushing, keep_writing]
        return [owner.run, *kept, *listening]

    async def health(self) -> dict[str, bool]:
        """Whether each store answers."""
        return {
            "redis": await _answers(self.readers[0].now_ms()),
            "postgres": await _answers(self._pool.fetchval("SELECT 1")),
        }


async def _check_fit(topology: Topology, shard: int) -> None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            connection = await topology.connect(shard)
            try:
                await identify(connection)
            finally:
                await connection.disconnect(nowait=True)
    except StoreUnfit as error:
        raise Misconfigured(
            f"The live store is not usable (TOLLGATE_REDIS_URL): {error}"
        ) from error
    except (RedisError, OSError) as error:  # the address may hold a password
        raise Misconfigured(
            f"The live store does not answer (TOLLGATE_REDIS_URL): {type(error).__name__}"
        ) from error


class _ValidKeys(KeyFinder):
    """The ledger's keys without the revoked ones."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def find(self, key_id: str) -> "_ValidKey | None":
        stored = await self._keys.find(key_id)
        return None if stored is None or stored.key.revoked_at else _ValidKey(stored)


class _ValidKey:
    def __init__(self, stored: StoredKey) -> None:
        self.secret_sha256 = stored.secret_sha256
        self.scopes = stored.key.scopes


async def _answers(question: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(1.0):
            await question
    except Exception:
        return False
    return True


def _run_beside(stack: AsyncExitStack, job: Job) -> None:
    """Runs a job until the stack closes, and waits for its end then. One that dies by a bug is
    started again: without it money would wait unposted while its owner holds the shard.
    """

    async def run() -> None:
        while True:
            try:
                await job()
            except Exception as error:
                log.error("background job died", exc_info=error)
                ALARMS.labels("job_died").inc()
            await asyncio.sleep(RESTART_PAUSE_S)

    task = asyncio.create_task(run())

    stack.push_async_callback(end_tasks, [task])
