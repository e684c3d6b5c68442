"""Logs hold no secrets, no phone numbers, and nothing of what an exception quotes."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from server import logs
from server.logs import HIDDEN, redact, where


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "key tg_abc_S3cretS3cretS3cret here",
        "authorization: Bearer S3cret.token",
        "redis://user:S3cret@host:6379",
        "postgresql://postgres:S3cret-_x@/db?host=/run",
        "POST https://api.telegram.org/bot987:S3cret-_x/sendMessage",
        "signed with whsec_S3cret",
        "smtp://user:S3cret@mail.example.com:587",
        "call from +7 (999) 123-45-67 now",
        "call from 79991234567",
        "call from +15551234567 to x",
    ],
)
def test_secrets_and_numbers_are_hidden_inside_texts(text: str) -> None:
    cleaned = redact(None, "", {"event": text})["event"]
    assert HIDDEN in cleaned
    assert "S3cret" not in cleaned
    assert "123" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:26:03.507645Z",
        "127.0.0.1:50051",
        "/tmp/tollgate-9185-3nt9a",
        "took 1234 ms",
        "version 9.1.2",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ],
)
def test_what_is_harmless_stays_readable(text: str) -> None:
    assert redact(None, "", {"event": text})["event"] == text


def test_some_keys_are_hidden_whatever_they_hold() -> None:
    event = {"caller": "anonymous", "nested": {"password": "x"}, "list": ["Bearer abc"], "n": 5}
    assert redact(None, "", event) == {
        "caller": HIDDEN,
        "nested": {"password": HIDDEN},
        "list": [f"Bearer {HIDDEN}"],
        "n": 5,
    }


def test_an_exception_is_told_by_type_and_place_only() -> None:
    try:
        try:
            int("+79991234567x")
        except ValueError as error:
            raise RuntimeError("raw input") from error
    except RuntimeError as error:
        told = where(error)
    assert told[0] == "RuntimeError"
    assert "ValueError" in told
    assert any(each.startswith("test_logs.py:") for each in told)
    assert "raw" not in str(told)
    assert "7999" not in str(told)


@pytest.mark.usefixtures("_restored")
def test_lines_are_json_and_libraries_are_cleaned_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", worker=3)
    structlog.get_logger("a").info("started", token="x")
    try:
        raise ValueError("tg_abc_S3cretS3cret")
    except ValueError:
        logging.getLogger("some.library").exception("failed with Bearer abc")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["token"], ours["worker"]) == ("started", HIDDEN, 3)
    assert theirs["event"] == f"failed with Bearer {HIDDEN}"
    assert theirs["error"][0] == "ValueError"
    assert "S3cret" not in str(theirs)
