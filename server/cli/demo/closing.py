"""The demo's last words: where it listens, and what to try next."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console

from server.cli.demo.cast import CAST, DRY, POCKET_MONEY
from server.money import show
from server.preparing import admin_key_path
from server.settings import Settings

BALANCE_METHOD = "tollgate.v1.BillingService/GetBalance"


def print_closing(settings: Settings, console: Console) -> None:
    """Prints them as lines that can be copied to another terminal of the same directory."""
    key_file = _near(admin_key_path(settings.state_dir))
    tenant_id = CAST[0].tenant_id
    lines = [
        _rule("Your turn"),
        "Tollgate goes on serving. Ctrl-C stops it, its stores included; the data stays.",
        f"  gRPC        {settings.grpc_listen}",
        f"  console     {settings.console_origin()}/console",
        f"  metrics     http://{settings.http_listen}/metrics",
        f"  admin key   {key_file}",
        f"  log         {_near(log_path(settings))}",
        "",
        "In another terminal, in this directory:",
        *(f"  {line}" for line in _surroundings(settings)),
        "  tollgate console link                 # signs a browser in, once",
        "  tollgate tenant list",
        f"  tollgate tenant show {tenant_id}",
        f"  tollgate call authorize {tenant_id} my-first-call --model gpt-4o-realtime",
        f"  tollgate call charge {tenant_id} my-first-call --elapsed 30s -u llm_output_tokens=300",
        f"  tollgate call settle {tenant_id} my-first-call",
        f"  tollgate call list {tenant_id}",
        "  tollgate simulate --calls 200 --concurrency 40",
        f"  tollgate simulate --tenant {tenant_id} --speed 1   # calls to watch in the console",
        "  tollgate audit",
        "",
        *_rescue(),
        "",
        "The product's example month is ТехноМастер's past:",
        f"  tollgate month {tenant_id} 2026-03",
        f"  tollgate history {tenant_id} --from 2026-03-01 --to 2026-03-15",
        "",
        "Or without any client of ours, over reflection:",
        f"  {_buf(settings, key_file, tenant_id)}",
        "",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def log_path(settings: Settings) -> Path:
    """Where the demo's server writes its log."""
    return settings.state_dir.expanduser().absolute() / "server.log"


def _rescue() -> list[str]:
    """How to see a top-up reach a running call."""
    left, dry = show(POCKET_MONEY, "USD"), DRY.tenant_id
    return [
        f"A call that runs out of money, and is saved by a top-up. {DRY.name} has {left} left,",
        "for some 80 seconds; the call prints its directives and grants as they change:",
        f"  tollgate call carry {dry} &",
        f"  tollgate topup create {dry} 5 --provider manual   # and confirm it as it says",
        f"  tollgate history {dry}",
    ]


def _rule(title: str) -> str:
    return f"\n[bold]{title}[/bold]"


def _surroundings(settings: Settings) -> list[str]:
    """What the other terminal must know; nothing that holds there anyhow."""
    exports = [f"TOLLGATE_STATE_DIR={shlex.quote(_near(settings.state_dir.expanduser()))}"]
    if settings.grpc_listen != "127.0.0.1:50051":
        exports.append(f"TOLLGATE_SERVER={settings.grpc_listen}")
    here = Path(sys.argv[0])
    if here.name == "tollgate" and not shutil.which("tollgate"):
        place = _near(here.parent)
        exports.append(f'PATH="$PATH:{place if Path(place).is_absolute() else "$PWD/" + place}"')
    return ["export " + " ".join(exports)]


def _buf(settings: Settings, key_file: str, tenant_id: str) -> str:
    return (
        f'buf curl --protocol grpc --http2-prior-knowledge -H "authorization: Bearer '
        f'$(cat {shlex.quote(key_file)})" -d \'{{"tenantId": "{tenant_id}"}}\' '
        f"http://{settings.grpc_listen}/{BALANCE_METHOD}"
    )


def _near(path: Path) -> str:
    """The path as seen from the working directory, when it lies below."""
    absolute = path.absolute()
    try:
        return str(absolute.relative_to(os.getcwd()))
    except ValueError:
        return str(absolute)
