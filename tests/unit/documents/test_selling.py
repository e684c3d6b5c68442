"""The seller's settings: complete, missing, or wrong at start."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.documents.selling import missing_settings, terms_of
from server.errors import FailedPrecondition
from server.preparing import warn_of_missing_seller
from server.settings import SettingsInvalid, load
from tests.unit.documents.samples import SELLER


def settings(**changes: str) -> dict[str, Any]:
    """The seller as settings."""
    return {f"seller_{name}": value for name, value in asdict(replace(SELLER, **changes)).items()}


def test_a_seller_is_read_from_the_settings() -> None:
    loaded = load(**settings(), vat_percent="20")
    assert terms_of(loaded.seller(), loaded.vat_percent) == (SELLER, 20)
    with capture_logs() as logs:
        warn_of_missing_seller(loaded)
    assert logs == []


def test_without_a_seller_the_start_warns_and_documents_name_the_settings() -> None:
    loaded = load(**settings(bank="", kpp=""))
    missing = ["TOLLGATE_SELLER_KPP", "TOLLGATE_SELLER_BANK"]
    assert missing_settings(loaded.seller()) == missing
    with capture_logs() as logs:
        warn_of_missing_seller(loaded)
    assert [(line["log_level"], line["unset"]) for line in logs] == [("warning", missing)]
    with pytest.raises(FailedPrecondition, match="TOLLGATE_SELLER_KPP, TOLLGATE_SELLER_BANK"):
        terms_of(loaded.seller(), None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("inn", "7707083894"), ("bik", "44"), ("account", "40702810200000000002"),
     ("kpp", "1"), ("correspondent_account", "30101810400000000226")],
)  # fmt: skip
def test_a_setting_that_cannot_be_refuses_the_start(field: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"TOLLGATE_SELLER_{field.upper()} must"):
        load(**settings(**{field: value}))


@pytest.mark.parametrize("percent", ["0", "100", "20.5"])
def test_vat_is_a_whole_percentage(percent: str) -> None:
    with pytest.raises(SettingsInvalid, match="TOLLGATE_VAT_PERCENT"):
        load(vat_percent=percent)


def test_vat_is_none_when_it_is_blank() -> None:
    assert load(vat_percent="").vat_percent is None
