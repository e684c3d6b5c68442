"""Every command once, against a real server, with what it prints."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from server.cli import main
from tests.acceptance.processes import Server, command, environment, serving, wait_for
from tests.scratch import scratch_dir

PRICE_BOOK = Path("ledger/price_book.toml")
WORKED_EXAMPLE = (
    *("--elapsed", "3m", "-u", "llm_input_tokens=1840", "-u", "llm_output_tokens=500"),
    *("-u", "stt_ms=1m30s", "-u", "tts_ms=90000"),
)


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def fact(self, name: str) -> str:
        """The value beside a name."""
        for line in self.out.splitlines():
            if line.strip().startswith(f"{name}  "):
                return line.strip().removeprefix(name).strip()
        raise AssertionError(f"{name} is not in\n{self.out}\n{self.err}")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch_dir() as state_dir, serving(state_dir) as running:
        yield running


class Terminal:
    """Runs commands in this process, as the console script would."""

    def __init__(
        self,
        server: Server,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.set("STATE_DIR", str(server.state_dir))
        self.set("SERVER", server.address)
        monkeypatch.setenv("COLUMNS", "120")

    def set(self, name: str, value: str) -> None:
        """Sets a TOLLGATE_ variable."""
        self._monkeypatch.setenv(f"TOLLGATE_{name}", value)

    def run(self, *arguments: str) -> Said:
        """Runs one command."""
        self._monkeypatch.setattr(sys, "argv", ["tollgate", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, out, err)


@pytest.fixture
def terminal(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(server, monkeypatch, capsys)


def test_a_tenant_is_created_credited_limited_and_shown(terminal: Terminal) -> None:
    made = terminal.run(
        *("tenant", "create", "anvils", "--name", "Anvils & Sons", "--time-zone", "Europe/Moscow"),
        *("--daily-cap", "20", "--low-balance", "10"),
    )
    assert made.code == 0, made.err
    assert "Created anvils, “Anvils & Sons”." in made.out
    credited = terminal.run("tenant", "credit", "anvils", "142.50", "--reason", "first payment")
    assert credited.out == "Credited $142.50. anvils has $142.50 now.\n"
    shown = terminal.run("tenant", "show", "anvils")
    assert shown.fact("balance") == "$142.50"
    assert shown.fact("daily cap") == "$20.00"
    assert shown.fact("warned below") == "$10.00"
    assert shown.fact("time zone") == "Europe/Moscow"
    limited = terminal.run(
        *("tenant", "limits", "anvils", "--daily-cap", "none", "--concurrent-calls", "3"),
        *("--call-cost", "0.5", "--suspend", "--calls-per-minute", "30", "--caller-cost", "2"),
        *("--call-length", "30m"),
    )
    assert limited.fact("daily cap") == "none"
    assert limited.fact("calls at once") == "3"
    assert limited.fact("cost per call") == "$0.50"
    assert limited.fact("calls a minute") == "30"
    assert limited.fact("cost per caller a day") == "$2.00"
    assert limited.fact("longest call") == "1800 s"
    assert limited.fact("state") == "suspended"
    debited = terminal.run("tenant", "debit", "anvils", "2.500001")
    assert debited.out.startswith("Debited $2.500001. anvils has $139.999999 now.")
    (line,) = (each for each in terminal.run("tenant", "list").out.splitlines() if "anvils" in each)
    assert "$139.999999" in line
    assert line.endswith("suspended")


def test_a_repeated_request_id_changes_nothing(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "repeat")
    for _ in range(2):
        said = terminal.run("tenant", "credit", "repeat", "5", "--request-id", "same")
        assert said.out == "Credited $5.00. repeat has $5.00 now.\n"
    other = terminal.run("tenant", "credit", "repeat", "6", "--request-id", "same")
    assert other.code == 1
    assert "KEY_REUSED" in other.err


def test_json_is_for_scripts(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "script")
    terminal.run("tenant", "credit", "script", "1.25")
    shown = json.loads(terminal.run("tenant", "show", "script", "--json").out)
    assert shown["tenant"]["tenant_id"] == "script"
    assert shown["balance_micros"] == "1250000"
    decided = json.loads(terminal.run("call", "authorize", "script", "c", "--json").out)
    assert decided["decision"] == "DECISION_ACCEPTED"
    charged = json.loads(terminal.run("call", "charge", "script", "c", "--json").out)
    assert charged["directive"] == "DIRECTIVE_CONTINUE"
    assert json.loads(terminal.run("call", "show", "script", "c", "--json").out)["call"]
    assert json.loads(terminal.run("call", "list", "script", "--json").out)["calls"]
    settled = json.loads(terminal.run("call", "settle", "script", "c", "--json").out)
    assert settled["settlement"] == "SETTLEMENT_POSTED"
    assert json.loads(terminal.run("audit", "--json").out)["differences"] == []


def test_the_worked_example_by_hand(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "example")
    terminal.run("tenant", "credit", "example", "10")
    call = ("example", "by-hand")
    begun = terminal.run("call", "authorize", *call, "--model", "generic-assistant", "--analytics")
    assert begun.code == 0, begun.err
    assert begun.fact("decision") == "ACCEPTED"
    assert begun.fact("reserved") == "$0.017, enough for 62 s"
    listed = terminal.run("call", "list", "example", "--active")
    assert "AUTHORIZED" in listed.out
    reported = terminal.run("call", "charge", *call, "--elapsed", "60", "-u", "stt_ms=30s")
    assert reported.fact("directive") == "CONTINUE: go on"
    settled = terminal.run("call", "settle", *call, *WORKED_EXAMPLE)
    assert settled.fact("settled") == "POSTED, in the ledger"
    assert settled.fact("charged") == "$0.046"
    assert [settled.fact(part) for part in ("llm", "stt", "tts", "analytics")] == [
        *("$0.012", "$0.009", "$0.023", "$0.002")
    ]
    assert terminal.run("call", "settle", *call).out == settled.out
    shown = terminal.run("call", "show", *call)
    assert shown.fact("state") == "SETTLED, POSTED"
    assert shown.fact("length") == "3:00"
    assert "$0.046" in terminal.run("call", "list", "example").out
    assert terminal.run("call", "end", *call).out == "by-hand is settled already.\n"


def test_a_refusal_is_told_with_what_is_needed_to_act(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "poor")
    refused = terminal.run("call", "authorize", "poor", "c")
    assert refused.code == 1
    assert refused.fact("decision") == "REJECTED, INSUFFICIENT_BALANCE"
    assert refused.fact("answer the call") == "SIP 402, Q.850 cause 21"
    assert "No call of nobody-yet" in terminal.run("refusals", "nobody-yet").out
    wait_for(lambda: "INSUFFICIENT_BALANCE" in terminal.run("refusals", "poor").out, "the count")


def test_an_operator_ends_a_call(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "ended")
    terminal.run("tenant", "credit", "ended", "1")
    terminal.run("call", "authorize", "ended", "c")
    assert "told to hang up" in terminal.run("call", "end", "ended", "c").out
    assert terminal.run("call", "charge", "ended", "c").fact("directive") == "HANG_UP: hang up now"
    nobody = terminal.run("call", "charge", "ended", "unheard-of")
    assert "nobody holds this call" in nobody.out


def test_keys_come_and_go(terminal: Terminal) -> None:
    created = terminal.run("key", "create", "a gateway", "--scope", "gateway")
    key = created.out.splitlines()[-1]
    key_id = key.split("_")[1]
    assert f"Created the key {key_id}." in created.out
    terminal.set("API_KEY", key)
    denied = terminal.run("tenant", "list")
    assert (denied.code, denied.out) == (1, "")
    assert denied.err == "tollgate: the key does not permit this (PERMISSION_DENIED)\n"
    terminal.set("API_KEY", "")
    assert "a gateway" in terminal.run("key", "list").out
    assert terminal.run("key", "revoke", key_id).out == f"Revoked the key {key_id}, “a gateway”.\n"


def test_a_link_opens_the_console(terminal: Terminal, server: Server) -> None:
    made = terminal.run("console", "link", "--request-id", "link-1")
    url = made.out.splitlines()[-1]
    assert url.startswith(f"{server.http}/console/enter/")
    assert httpx.get(url).status_code == 200
    again = terminal.run("console", "link", "--request-id", "link-1")
    assert "not shown again" in again.out
    nobody = terminal.run("console", "link", "--tenant", "nobody")
    assert nobody.code == 1


def test_what_signs_the_consoles_cookies_is_kept_for_its_owner_alone(server: Server) -> None:
    kept = server.state_dir / "console.secret"
    assert len(kept.read_text().strip()) == 64
    assert kept.stat().st_mode & 0o077 == 0


def test_a_tariff_is_imported_and_listed(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(PRICE_BOOK.read_text().replace('name = "standard"', 'name = "own"'))
    imported = terminal.run("tariff", "import", str(file))
    assert imported.out.startswith("Imported own@1 in USD"), imported.err
    assert terminal.run("tariff", "import", str(file)).out.startswith("Imported own@2 in USD")
    listed = terminal.run("tariff", "list", "own", "--prices").out
    assert "own@2" in listed
    assert "standard" not in listed
    assert "llm_output_tokens" in listed


def test_a_call_is_priced_without_making_it(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "quoted")
    worked = ("--model", "generic-assistant", "--for", "3m", "--analytics")
    for whose in (("standard",), ("standard@1",), ("--tenant", "quoted")):
        quoted = terminal.run("tariff", "quote", *whose, *worked)
        assert quoted.fact("costs") == "$0.046"
        assert quoted.fact("exactly") == "$0.0452"
    typed = terminal.run("tariff", "quote", "standard", "--for", "1m", "-u", "tts_ms=2m")
    assert typed.fact("costs") == "$0.03"
    assert (
        "(below the free period)" in terminal.run("tariff", "quote", "standard", "--for", "2s").out
    )
    unknown = terminal.run("tariff", "quote", "standard@9")
    assert "version: must be a version of standard (UNKNOWN_VERSION)" in unknown.err


def test_the_state_of_the_installation_is_told(terminal: Terminal) -> None:
    told = terminal.run("state")
    assert (told.fact("redis"), told.fact("postgres")) == ("answers", "answers")
    assert told.fact("email") == "0 waiting, 0 given up"


def test_tenants_are_searched(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "needle", "--name", "Wanted Ltd")
    assert "needle" in terminal.run("tenant", "list", "--search", "wanted").out
    assert "There are no such tenants" in terminal.run("tenant", "list", "--search", "zzz").out


def test_the_example_of_a_tariff_prices_calls(terminal: Terminal) -> None:
    imported = terminal.run("tariff", "import", "examples/reseller.toml")
    assert imported.out.startswith("Imported reseller@1 in RUB"), imported.err
    terminal.run("tenant", "create", "customer", "--currency", "RUB", "--tariff", "reseller")
    terminal.run("tenant", "credit", "customer", "100")
    call = ("customer", "c", "--model", "generic-assistant")
    assert terminal.run("call", "authorize", *call).fact("decision") == "ACCEPTED"
    minute_begun = ("--elapsed", "61s", "-u", "telephony_ms=61s")
    settled = terminal.run("call", "settle", "customer", "c", *minute_begun)
    assert settled.fact("charged") == "1.90 RUB"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('rate = "0.02"', 'rate = "-1"', "tariff.models[0].meters[2].rate: must"),
        ('unit = "per_1k"', 'unit = "per_word"', "tariff.models[0].meters[0].unit: must be one of"),
        ('meter = "tts_ms"', 'meter = "other"', "tts_ms has no price"),
        ("[rounding]", "[roundin]", 'no field named "roundin"'),
        ('name = "standard"', "name = ", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_price_book_is_told(
    terminal: Terminal, tmp_path: Path, old: str, new: str, told: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(PRICE_BOOK.read_text().replace(old, new, 1))
    said = terminal.run("tariff", "import", str(file))
    assert said.code == 1
    assert told in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("tenant show nobody", "there is no such tenant (UNKNOWN_TENANT)"),
        ("tenant create a{b}", "tenant.tenant_id: must be 1 to 64 characters"),
        ("tenant create zoned --time-zone Mars/Base", "must be an IANA time zone"),
        ("call show nobody nothing", "nobody holds the call (CALL_UNKNOWN)"),
        ("key revoke nothing", "there is no such key (UNKNOWN_API_KEY)"),
        ("tenant credit nobody 12,50", "'12,50' is not an amount"),
        ("tenant credit nobody 0", "is not above zero"),
        ("tenant limits nobody --daily-cap -1", "below zero"),
        ("call charge nobody c --elapsed soon", "'soon' is not a duration"),
        ("call charge nobody c -u stt_ms", "'stt_ms' is not meter=quantity"),
        ("tenant list --server 127.0.0.1:1", "no Tollgate answers at 127.0.0.1:1. Start one with"),
        ("simulate --calls 5 --server 127.0.0.1:1", "no Tollgate answers at 127.0.0.1:1."),
    ],
)
def test_an_error_is_a_plain_line(terminal: Terminal, arguments: str, told: str) -> None:
    said = terminal.run(*arguments.split())
    assert said.code != 0
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_missing_or_wrong_key_says_where_keys_come_from(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.set("API_KEY", "tg_wrong_" + "x" * 30)
    assert "does not know this key" in terminal.run("tenant", "list").err
    terminal.set("API_KEY", "")
    terminal.set("STATE_DIR", str(tmp_path))
    assert "There is no API key: set TOLLGATE_API_KEY" in terminal.run("tenant", "list").err


def test_a_real_process_says_the_same(server: Server) -> None:
    done = subprocess.run(
        command("audit"),
        env=environment(server.state_dir, server=server.address),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Zero differences." in done.stdout
    assert done.stderr == ""


def test_the_server_had_no_trouble(server: Server) -> None:
    levels = [json.loads(line)["level"] for line in server.log.splitlines() if line[:1] == "{"]
    assert "error" not in levels, server.log


def test_the_example_month_is_seeded_shown_and_exported(terminal: Terminal, tmp_path: Path) -> None:
    seeded = terminal.run("seed", "march-2026")
    assert (seeded.code, "$142.50" in seeded.out) == (0, True)
    month = terminal.run("month", "march-2026", "2026-03")
    assert month.fact("calls handled") == "847"
    assert month.fact("tokens used") == "3,200,000"
    assert month.fact("spent") == "$57.50"
    assert month.fact("average per call") == "$0.07"
    assert month.fact("balance now") == "$142.50"
    days = ("--from", "2026-03-01", "--to", "2026-03-15")
    history = terminal.run("history", "march-2026", *days)
    rows = [line.split()[:2] for line in history.out.splitlines()[1:]]
    assert rows[0] == ["12", "2026-03-15"]
    assert rows[-1] == ["7", "2026-03-01"]
    assert "Charge (analytics)" in history.out
    assert "-$0.50" in history.out
    file = tmp_path / "calls.csv"
    options = ("--language", "ru", "--excel", "-o", str(file))
    exported = terminal.run("export", "march-2026", "calls", *days, *options)
    assert exported.code == 0, exported.err
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert len(file.read_text("utf-8-sig").splitlines()) == 1 + 25 + 147
    assert terminal.run("history", "march-2026", "--type", "gift").code == 2
    assert terminal.run("history", "march-2026", "--status", "lost").code == 2
    assert "no such" in terminal.run("history", "march-2026", "--status", "pending").out
    found = terminal.run("call", "list", "march-2026", "--row", "9", "--outcome", "completed").out
    assert len(found.splitlines()) == 1 + 20 + 1
    assert "There are more" in found
    nobody = terminal.run("call", "list", "march-2026", "--number", "+70000000000")
    assert nobody.out == "march-2026 has no such calls.\n"
    item = terminal.run("call", "show", "march-2026", "20260310-001").fact("analytics_reports")
    assert item == "10: $0.02"
    again = terminal.run("seed", "march-2026")
    assert (again.code, "TENANT_EXISTS" in again.err) == (1, True)
