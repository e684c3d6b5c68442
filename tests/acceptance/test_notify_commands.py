"""`tollgate notify` and what goes out of a real server, as a newcomer meets them."""

import email
import email.policy
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.acceptance.processes import Server, serving, wait_for
from tests.acceptance.test_command_line import Terminal, terminal
from tests.scratch import scratch_dir

__all__ = ["terminal"]


class MailServer:
    """Takes mail beside the tests."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A message."""
        assert isinstance(envelope.content, bytes)
        parsed: Any = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append(parsed)
        return "250 OK"


@pytest.fixture(scope="module")
def mails() -> Iterator[tuple[int, list[EmailMessage]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    handler = MailServer()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, handler.taken
    controller.stop()


@pytest.fixture(scope="module")
def server(mails: tuple[int, list[EmailMessage]]) -> Iterator[Server]:
    settings = {"smtp_url": f"smtp://127.0.0.1:{mails[0]}", "smtp_from": "billing@tollgate.example"}
    with scratch_dir() as state_dir, serving(state_dir, **settings) as running:
        yield running


def test_a_newcomer_is_told_by_mail_and_sees_what_became_of_it(
    terminal: Terminal, server: Server, mails: tuple[int, list[EmailMessage]]
) -> None:
    terminal.run("tenant", "create", "newcomer", "--name", "Новичок", "--low-balance", "5")
    nobody = terminal.run("notify", "test", "newcomer")
    assert (nobody.code, "NO_CHANNEL" in nobody.err) == (1, True)
    chosen = terminal.run(
        *("notify", "settings", "newcomer", "--email", "it@example.com", "--language", "ru"),
        *("--telegram", "-1001234567890", "--event", "low_balance", "--event", "payment_failed"),
    )
    assert chosen.fact("e-mail") == "it@example.com"
    assert chosen.fact("language") == "Russian"
    assert chosen.fact("told of") == "low_balance, payment_failed"
    assert chosen.fact("telegram").startswith("-1001234567890 (Telegram is not set up")

    tested = terminal.run("notify", "test", "newcomer").out
    assert "Queued for e-mail it@example.com." in tested
    assert "but Telegram is not set up: TOLLGATE_TELEGRAM_BOT_TOKEN." in tested
    (mail,) = wait_for(lambda: mails[1], "the mail")
    assert mail["Subject"] == "Проверка уведомлений"

    listed = terminal.run("notify", "list", "newcomer", "--state", "sent").out
    assert "it@example.com" in listed
    assert "telegram" not in listed
    retrying = terminal.run("notify", "list", "newcomer", "--state", "retrying").out
    assert "TOLLGATE_TELEGRAM_BOT_TOKEN" in retrying
    notification_id = listed.splitlines()[1].split()[0]
    refused = terminal.run("notify", "retry", "newcomer", notification_id)
    assert (refused.code, "WRONG_STATE" in refused.err) == (1, True)

    metrics = httpx.get(f"{server.http}/metrics").text
    assert 'tollgate_notifications_total{channel="email",outcome="sent"} 1.0' in metrics
    assert 'tollgate_notifications_total{channel="telegram",outcome="failed"} ' in metrics
    assert "newcomer" not in metrics


def test_a_real_call_that_crosses_the_threshold_is_mailed(
    terminal: Terminal, mails: tuple[int, list[EmailMessage]]
) -> None:
    terminal.run("tenant", "create", "caller", "--low-balance", "0.99")
    terminal.run("tenant", "credit", "caller", "1")
    terminal.run("notify", "settings", "caller", "--email", "caller@example.com")
    terminal.run("call", "authorize", "caller", "c1", "--model", "gpt-4o-realtime")
    usage = ("-u", "llm_input_tokens=4000", "-u", "tts_ms=60s")
    terminal.run("call", "charge", "caller", "c1", "--elapsed", "2m", *usage)

    def told() -> list[EmailMessage]:
        return [mail for mail in mails[1] if mail["To"] == "caller@example.com"]

    (mail,) = wait_for(told, "the mail")
    assert str(mail["Subject"]).startswith("Your balance is low: $0.9")


def test_the_secret_of_a_webhook_is_shown_once(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "hooked")
    made = terminal.run("notify", "settings", "hooked", "--webhook", "https://example.com/hook")
    assert made.out.count("whsec_") == 1
    again = terminal.run("notify", "settings", "hooked")
    assert again.fact("webhook") == "https://example.com/hook"
    assert "whsec_" not in again.out
    rotated = terminal.run("notify", "secret", "hooked").out
    assert rotated.count("whsec_") == 1
    assert "The old one signs too until" in rotated
    off = terminal.run("notify", "settings", "hooked", "--webhook", "none", "--event", "none")
    assert off.fact("webhook") == "none"
    assert off.fact("told of") == "nothing"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("notify settings hooked --webhook http://example.com/", "must begin with https://"),
        ("notify settings hooked --email nobody", "must be one e-mail address"),
        ("notify settings hooked --language fr", "must be en or ru"),
        ("notify settings hooked --event birthday", "must be one of low_balance"),
        ("notify list hooked --state lost", "must be one of queued"),
        ("notify test no-such-tenant", "there is no such tenant"),
        ("document send hooked doc-none", "UNKNOWN_DOCUMENT"),
    ],
)
def test_what_cannot_be_is_told_in_plain_words(
    terminal: Terminal, arguments: str, told: str
) -> None:
    said = terminal.run(*arguments.split())
    assert said.code != 0
    assert told in said.err


def test_a_server_without_mail_says_so_at_its_start(server: Server) -> None:
    assert "TOLLGATE_TELEGRAM_BOT_TOKEN" in server.log
    assert "TOLLGATE_SMTP_URL" not in server.log


def test_limits_guards_and_who_is_told_are_on_one_page(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "guarded", "--daily-cap", "20")
    terminal.run("tenant", "credit", "guarded", "50")
    terminal.run("notify", "settings", "guarded", "--email", "it@example.com")
    key = terminal.run("key", "create", "theirs", "--scope", "tenant:guarded").out
    api_key = next(word for word in key.split() if word.startswith("tg_") and word.count("_") == 2)
    terminal.set("API_KEY", api_key)
    changed = terminal.run(
        *("limits", "guarded", "--low-balance", "10", "--daily-cap", "25"),
        *("--calls-per-minute", "30", "--call-length", "30m"),
    )
    assert changed.code == 0, changed.err
    assert changed.fact("balance") == "$50.00"
    assert changed.fact("daily cap") == "$25.00"
    assert changed.fact("warned below") == "$10.00"
    assert changed.fact("calls a minute") == "30"
    assert changed.fact("longest call") == "1800 s"
    assert changed.fact("e-mail") == "it@example.com"
    assert changed.fact("webhook") == "none"
    assert terminal.run("limits", "guarded").out == changed.out
    refused = terminal.run("tenant", "limits", "guarded", "--credit-limit", "5")
    assert (refused.code, "PERMISSION_DENIED" in refused.err) == (1, True)
