"""An embedded Postgres: checksummed, password-protected, on a Unix socket."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg
import structlog

from server.embedded import unprivileged
from server.embedded.program import Program, find_postgres
from server.embedded.state_dir import socket_dir
from server.embedded.store_process import StoreFailed, StoreProcess, identity

START_S = 30.0
DATABASE = "tollgate"
HAS_DATABASE = "SELECT true FROM pg_database WHERE datname = $1"
SOCKET_NAME = ".s.PGSQL.5432"
NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)

# A modest share of a small machine; every commit is still flushed.
TUNING = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "on",
    "jit": "off",
}

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """Runs one cluster on `directory`; `dsn` is valid while it runs and the same after a restart.

    It listens on a Unix socket only, so it needs no free port and nobody else can try passwords.
    `settings` are added to the command line.
    """

    def __init__(
        self,
        directory: Path,
        bin_dir: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self._explicit = bin_dir
        self._settings = TUNING | (settings or {})
        self._user = unprivileged.account()
        self._process = StoreProcess("postgres", directory, signal.SIGINT, self._user)
        self._home = directory
        self._sockets: Path | None = None

    @property
    def dsn(self) -> str:
        """Where clients connect, password included."""
        return self.dsn_for(DATABASE)

    def dsn_for(self, database: str) -> str:
        """The same for another database of the cluster."""
        assert self._sockets is not None, "start it first"
        password, sockets = quote(self._password()), quote(str(self._sockets), safe="/")
        return f"postgresql://postgres:{password}@/{database}?host={sockets}&port=5432"

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server, the first time with new data. Raises ProgramMissing, StoreFailed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._home = unprivileged.home(self.directory, self._user)
        program = self._program()
        await self._process.claim()
        if not (self._data / "PG_VERSION").exists():
            await asyncio.to_thread(self._initdb, program)
        # No process holds the claim, so what this file says is about one that died.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        if self._sockets is None:
            self._sockets = socket_dir(self._home / "socket", SOCKET_NAME + ".lock")
            unprivileged.give(self._sockets, self._user)
        self._process.start(self._command(program))
        try:
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        log.info(
            "embedded store started",
            store="postgres",
            origin=program.origin,
            program=str(program.path),
            version=program.version,
            data=str(self._data),
        )

    async def stop_former(self) -> None:
        """Stop the server that a killed run left on this directory."""
        await self._process.stop_former()

    async def wait(self) -> int:
        """Wait until the server ends by itself; its status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the server, cutting connections but flushing everything."""
        await self._process.stop()
        if self._sockets is not None and self._sockets.parent != self._home:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _program(self) -> Program:
        version = self._data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        found = find_postgres(self._explicit, major=major)
        return unprivileged.runnable(found, self._home, self._user)

    def _password(self) -> str:
        path = self.directory / "postgres.password"
        with contextlib.suppress(FileExistsError):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fd, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    def _initdb(self, program: Program) -> None:
        """Create the data directory in one step: a half-made one is thrown away."""
        unfinished = self._home / "data.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self._home / "password"
        password.touch(mode=0o600)
        password.write_text(self._password())
        unprivileged.give(password, self._user)
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        command = [
            str(program.path.with_name("initdb")),
            "-D",
            str(unfinished),
            "--username=postgres",
        ]
        command += [f"--pwfile={password}", "--auth=scram-sha-256", "--data-checksums"]
        command += ["--encoding=UTF8", f"--locale={locale}", "--no-instructions"]
        made = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, **identity(self._user)
        )
        password.unlink()
        if made.returncode != 0:
            raise StoreFailed(f"initdb failed\n{made.stderr[-2000:]}")
        unfinished.rename(self._data)

    def _command(self, program: Program) -> list[str | Path]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            **self._settings,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [program.path, "-D", self._data, *flags]

    async def _ready(self) -> None:
        """Wait until it takes connections, and create the database the first time."""
        deadline = time.monotonic() + START_S
        while True:
            self._process.check()
            try:
                connection = await asyncpg.connect(self.dsn_for("postgres"), timeout=5)
            except NOT_YET:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)
                continue
            try:
                if not await connection.fetchval(HAS_DATABASE, DATABASE):
                    await connection.execute(f"CREATE DATABASE {DATABASE}")
            finally:
                await connection.close()
            return
