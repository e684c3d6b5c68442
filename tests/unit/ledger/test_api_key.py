"""The text of API keys."""

import pytest

from ledger.api_key import KeyText, new_key_text, parse_key
from ledger.errors import ApiKeyMalformed

TEXT = "tg_front_aSecretOfLettersAnd2Digits"


def test_a_key_survives_the_way_there_and_back() -> None:
    assert parse_key(TEXT) == KeyText("front", "aSecretOfLettersAnd2Digits")
    for text in (TEXT, str(new_key_text())):
        assert str(parse_key(text)) == text


def test_a_new_key_is_never_the_same() -> None:
    assert len({new_key_text() for _ in range(50)}) == 50


def test_a_secret_is_not_shown_by_chance() -> None:
    assert "secret" not in repr(parse_key(TEXT))


@pytest.mark.parametrize(
    "text",
    ["", "front", "tg_front", "tg__aLongEnoughSecret12345", "tg_front_short", TEXT + "\n",
     TEXT + " ", "Tg_front_aSecretOfLettersAnd2Digits", "tg_fr-ont_aSecretOfLettersAnd2Digits",
     "tg_front_a_secret_with_three_parts",
     "tg_front_" + "x" * 129, "tg_фронт_aSecretOfLettersAnd2Digits"],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    with pytest.raises(ApiKeyMalformed):
        parse_key(text)
