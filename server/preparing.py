"""What an installation needs before its first request: schema, shards, price book, first key."""

import secrets
from pathlib import Path

import structlog

from ledger.errors import KeyReused, LedgerError, MigrationRefused, ShardCountMismatch
from ledger.keys import ApiKeys
from ledger.migrate import migrate
from ledger.pool import open_pool
from ledger.price_book import price_book_document
from ledger.shards import Shards
from ledger.tariffs import Tariffs
from server.documents.selling import missing_settings
from server.interceptors.principal import ADMIN
from server.notifications.settings import unset_channels
from server.secret_files import kept_secret
from server.settings import Misconfigured, Settings

log = structlog.get_logger(__name__)

ADMIN_KEY_FILE = "admin.key"
PRICE_BOOK_REQUEST = "built-in-price-book-1"


async def prepare(settings: Settings, dsn: str) -> None:
    """Makes the ledger ready; repeating it changes nothing. Raises Misconfigured."""
    warn_of_missing_seller(settings)
    tell_of_unset_channels(settings)
    try:
        await migrate(dsn)
        pool = await open_pool(dsn, max_size=2)
        try:
            await Shards(pool).fix_count(settings.shards)
            await Tariffs(pool).put(PRICE_BOOK_REQUEST, price_book_document())
            await ApiKeys(pool).adopt(admin_key(settings), "first administrator", (ADMIN,))
        finally:
            await pool.close()
    except ShardCountMismatch as error:
        raise Misconfigured(
            f"TOLLGATE_SHARDS is {error.wanted}, but this installation was made with "
            f"{error.stored} shards and cannot change: set TOLLGATE_SHARDS={error.stored}."
        ) from error
    except KeyReused as error:
        raise Misconfigured(
            "TOLLGATE_BOOTSTRAP_ADMIN_KEY has the id of another key: choose another id."
        ) from error
    except (MigrationRefused, LedgerError) as error:
        raise Misconfigured(f"The ledger is not usable (TOLLGATE_POSTGRES_DSN): {error}") from error


def tell_of_unset_channels(settings: Settings) -> None:
    """Says at start by what tenants cannot be told; everything else works without."""
    for channel, why in unset_channels(settings).items():
        log.info("tenants cannot be told", channel=channel, why=why)


def warn_of_missing_seller(settings: Settings) -> None:
    """Says at start what invoices and acts will need; everything else works without."""
    missing = missing_settings(settings.seller())
    if missing:
        log.warning("invoices and acts cannot be issued", unset=missing)


def admin_key(settings: Settings) -> str:
    """The first administrator's key: the setting, or one made once and kept in the state directory
    for the command line, readable by its owner alone.
    """
    if settings.bootstrap_admin_key is not None:
        return settings.bootstrap_admin_key.get_secret_value()
    path = admin_key_path(settings.state_dir)
    return kept_secret(path, lambda: f"tg_{secrets.token_hex(8)}_{secrets.token_hex(32)}")


def admin_key_path(state_dir: Path) -> Path:
    """Where the key that was made lies."""
    return state_dir.expanduser().absolute() / ADMIN_KEY_FILE
