"""The parent of everything: embedded stores, migrations, workers, and their orderly end."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import structlog
import uvloop
from prometheus_client.multiprocess import mark_process_dead

from server.embedded import EmbeddedPostgres, EmbeddedValkey, ProgramMissing, StoreFailed
from server.embedded.state_dir import StateDir, StateDirBusy
from server.secret_files import console_secret
from server.settings import EXIT_MISCONFIGURED, PREFIX, Misconfigured, Settings
from server.sockets import AddressTaken, address_of, reserve
from server.worker_process import WorkerFailed, WorkerProcess

RESTART_PAUSE_S = 0.5

Migrate = Callable[[str], Awaitable[object]]
Beside = Callable[[Settings], Awaitable[None]]

# Why a start may fail; each message is for people.
START_FAILURES = (StateDirBusy, AddressTaken, ProgramMissing, StoreFailed, WorkerFailed)

log = structlog.get_logger(__name__)


class Store(Protocol):
    """An embedded store."""

    async def start(self) -> None:
        """Start it and wait until it answers."""

    async def wait(self) -> int:
        """Wait until it ends by itself."""

    async def stop(self) -> None:
        """Stop it properly."""


class Supervisor:
    """Runs a whole Tollgate while its block is entered.

    Inside, `settings` holds what is really used: the stores' addresses and the ports.
    """

    def __init__(self, settings: Settings, migrate: Migrate | None = None) -> None:
        self.settings = settings
        self._migrate = migrate
        self._stack = AsyncExitStack()
        self._workers: list[WorkerProcess] = []
        self._metrics_dir: Path | None = None
        self.started = False

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def kill(self) -> None:
        """End the workers by force; for who cannot wait for the drain."""
        for worker in self._workers:
            worker.kill()

    async def _start(self) -> None:
        self._take_state_dir()
        self._choose_console_secret()
        self._reserve_ports()
        await self._start_stores()
        await self._run_migrations()
        await self._start_workers()
        self.started = True
        log.info(
            "listening",
            grpc=self.settings.grpc_listen,
            http=f"http://{self.settings.http_listen}",
            workers=len(self._workers),
            console=f"{self.settings.console_origin()}/console",
        )

    def _take_state_dir(self) -> None:
        settings = self.settings
        embeds = settings.redis_url is None or settings.postgres_dsn is None
        if not embeds and settings.workers == 1:
            return
        state = StateDir(settings.state_dir)
        state.acquire()
        self._stack.callback(state.release)
        if settings.workers > 1:
            self._metrics_dir = state.path / "metrics"
            shutil.rmtree(self._metrics_dir, ignore_errors=True)
            self._metrics_dir.mkdir()

    def _choose_console_secret(self) -> None:
        """Sessions of the console outlive a restart of its worker, and with a state directory of
        ours one of the server.
        """
        settings = self.settings
        if settings.console_secret is not None:
            return
        if settings.redis_url is None or settings.postgres_dsn is None:
            self._use(console_secret=console_secret(settings.state_dir))
            return
        log.warning(
            "console sessions end with this server, and no other server takes them: set "
            "TOLLGATE_CONSOLE_SECRET, on all servers to the same"
        )
        self._use(console_secret=secrets.token_hex(32))

    async def _start_stores(self) -> None:
        settings, place = self.settings, self.settings.state_dir.expanduser().absolute()
        if settings.redis_url is None:
            valkey = EmbeddedValkey(place, settings.valkey_server)
            await self._run_store(valkey)
            self._use(redis_url=valkey.url)
        if settings.postgres_dsn is None:
            postgres = EmbeddedPostgres(place, settings.postgres_bin)
            await self._run_store(postgres)
            self._use(postgres_dsn=postgres.dsn)

    async def _run_store(self, store: Store) -> None:
        await store.start()
        self._stack.push_async_callback(store.stop)
        self._follow(_keep_store(store), f"keep {type(store).__name__}")

    async def _run_migrations(self) -> None:
        if self._migrate is not None:
            assert self.settings.postgres_dsn is not None
            await self._migrate(self.settings.postgres_dsn.get_secret_value())

    def _reserve_ports(self) -> None:
        """Hold both ports while we live, so that restarted workers find them free."""
        for name in ("grpc_listen", "http_listen"):
            held = reserve(getattr(self.settings, name))
            self._stack.callback(held.close)
            self._use(**{name: address_of(held)})

    async def _start_workers(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        environment |= self.settings.environment()
        if self._metrics_dir is not None:
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics_dir)
        self._workers = [
            WorkerProcess(index, environment, self._forget)
            for index in range(self.settings.workers)
        ]
        self._stack.push_async_callback(self._stop_workers)
        await asyncio.gather(*(worker.start() for worker in self._workers))
        for worker in self._workers:
            self._follow(worker.keep(), f"keep worker {worker.index}")

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop(self.settings.drain_s) for worker in self._workers))

    def _forget(self, pid: int) -> None:
        if self._metrics_dir is not None:
            mark_process_dead(pid, str(self._metrics_dir))  # type: ignore[no-untyped-call]

    def _follow(self, keeping: Awaitable[None], name: str) -> None:
        """Keep something alive in the background, until just before it is stopped."""
        task = asyncio.ensure_future(keeping)
        task.set_name(name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._stack.push_async_callback(end)

    def _use(self, **changes: str) -> None:
        self.settings = Settings.model_validate(self.settings.model_dump() | changes)


async def _keep_store(store: Store) -> None:
    """Start a store again whenever it ends by itself."""
    while True:
        status = await store.wait()
        log.error("embedded store ended", store=type(store).__name__, status=status)
        while True:
            await asyncio.sleep(RESTART_PAUSE_S)
            try:
                await store.start()
            except (StoreFailed, OSError) as error:
                log.error("embedded store does not start", exc_info=error)
            else:
                break


def run(settings: Settings, migrate: Migrate | None = None) -> int:
    """Run a whole Tollgate in the foreground; the exit status. What went wrong is printed."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, migrate))
    except START_FAILURES as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return 1
    except Misconfigured as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return EXIT_MISCONFIGURED
    return 0


async def serve(
    settings: Settings, migrate: Migrate | None = None, beside: Beside | None = None
) -> None:
    """Run until SIGTERM or SIGINT; a second signal does not wait for the drain.

    `beside` gets the settings in use once requests are taken, and is cancelled before the end.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    supervisor = Supervisor(settings, migrate)

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    running = asyncio.create_task(_run_until(supervisor, stop, beside))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not supervisor.started:
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        log.info("stopped while starting")


async def _run_until(supervisor: Supervisor, stop: asyncio.Event, beside: Beside | None) -> None:
    async with supervisor:
        task = asyncio.ensure_future(beside(supervisor.settings)) if beside else None
        try:
            await stop.wait()
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
