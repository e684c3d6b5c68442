"""`tollgate org`, `invoice`, `act` and `document` against a real server with a seller."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.processes import Server, serving
from tests.acceptance.test_command_line import Terminal
from tests.scratch import scratch_dir
from tests.unit.documents.samples import COMPANY, SAMPLE, SELLER

REQUISITES = (
    *("--inn", COMPANY.inn, "--kpp", COMPANY.kpp, "--address", COMPANY.legal_address),
    *("--account", COMPANY.settlement_account, "--bik", COMPANY.bik, "--email", COMPANY.email),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch_dir() as state_dir, pytest.MonkeyPatch.context() as patch:
        for name, value in asdict(SELLER).items():
            patch.setenv(f"TOLLGATE_SELLER_{name.upper()}", value)
        patch.setenv("TOLLGATE_VAT_PERCENT", "20")
        with serving(state_dir) as running:
            yield running


@pytest.fixture
def terminal(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(server, monkeypatch, capsys)


def id_in(text: str, prefix: str) -> str:
    """The first id with a prefix."""
    found = re.search(rf"{prefix}-[0-9a-f]{{16}}", text)
    assert found is not None, text
    return found.group()


def test_an_organisation_is_added_invoiced_and_archived(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run("tenant", "create", "anvils")
    added = terminal.run("org", "add", "anvils", COMPANY.name, *REQUISITES, "--payer")
    assert added.code == 0, added.err
    organisation = id_in(added.out, "org")
    assert added.out == f"Added the organisation {organisation}, “{COMPANY.name}”.\n"
    assert terminal.run("org", "show", "anvils", organisation).fact("state") == "payer"
    edited = terminal.run("org", "edit", "anvils", organisation, "--email", "new@example.ru")
    assert edited.fact("e-mail") == "new@example.ru"
    issued = terminal.run("invoice", "anvils", organisation, "15000", "--save", str(tmp_path))
    assert issued.code == 0, issued.err
    assert f"to “{COMPANY.name}” over 15 000,00 roubles, VAT 2 500,00: doc-" in issued.out
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("Счёт № 1 от ")
    document = id_in(issued.out, "doc")
    copy = tmp_path / "copy.pdf"
    assert "Saved" in terminal.run("document", "save", "anvils", document, str(copy)).out
    assert copy.read_bytes() == file.read_bytes()
    assert "15 000,00" in terminal.run("document", "list", "anvils").out
    listed = json.loads(terminal.run("document", "list", "anvils", "--json").out)
    assert [each["document_id"] for each in listed["documents"]] == [document]
    assert terminal.run("org", "archive", "anvils", organisation).out.startswith("Archived org-")
    assert "There are none yet" in terminal.run("org", "list", "anvils").out
    assert "archived" in terminal.run("org", "list", "anvils", "--archived").out
    refused = terminal.run("invoice", "anvils", organisation, "1")
    assert "ORGANISATION_ARCHIVED" in refused.err


def test_the_products_sample_is_refused_field_by_field_and_kept_as_a_draft(
    terminal: Terminal,
) -> None:
    terminal.run("tenant", "create", "technomaster")
    sample = (
        *("technomaster", SAMPLE.name, "--inn", SAMPLE.inn, "--kpp", SAMPLE.kpp),
        *("--address", SAMPLE.legal_address, "--account", SAMPLE.settlement_account),
        *("--bik", SAMPLE.bik, "--email", SAMPLE.email),
    )
    refused = terminal.run("org", "add", *sample)
    assert refused.code == 1
    assert "organisation.inn: must be a real INN" in refused.err
    assert "organisation.settlement_account: must belong to the bank" in refused.err
    drafted = terminal.run("org", "add", *sample, "--draft")
    assert "Added the draft org-" in drafted.out
    assert "It lacks:\n  inn must be a real INN" in drafted.out
    organisation = id_in(drafted.out, "org")
    assert "ORGANISATION_IS_DRAFT" in terminal.run("invoice", "technomaster", organisation, "1").err
    assert "draft" in terminal.run("org", "list", "technomaster").out
    numbers = ("--inn", COMPANY.inn, "--account", COMPANY.settlement_account, "--complete")
    completed = terminal.run("org", "edit", "technomaster", organisation, *numbers)
    assert completed.fact("state") == "in use"


def test_an_act_that_cannot_be_says_why(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "idle")
    this_month = f"{datetime.now(UTC):%Y-%m}"
    for month, rate, told in (
        (this_month, "91.2345", "the month ends at"),
        ("2026-03", "91.2345", "nothing was charged in the month (NOTHING_CHARGED)"),
        ("2026-03", "", "tollgate rate set USD RUB RATE --day 2026-03-31"),
        ("March", "91.2345", "must be a month such as 2026-03"),
    ):
        said = terminal.run("act", "idle", month, "--rate", rate)
        assert said.code == 1
        assert told in said.err


@pytest.mark.parametrize("amount", ["12,50", "1.005", "-5", "0x10", "²"])
def test_what_is_no_amount_of_roubles_is_told(terminal: Terminal, amount: str) -> None:
    said = terminal.run("invoice", "anvils", "org-none", "--", amount)
    assert said.code != 0
    assert "is no amount of roubles: write it like 15000.00" in said.err
