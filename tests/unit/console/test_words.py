"""The catalogues: the same keys in each language, every plural, and no text that nobody uses."""

import re
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale

import server.console
from server.console.look.words import ALL_WORDS, LANGUAGES, PLURALS, language_of

PLACE = Path(server.console.__file__).parent
RUSSIAN, ENGLISH = ALL_WORDS["ru"], ALL_WORDS["en"]
# Chosen by a name that the services give, so no template spells them out.
BY_NAME = (
    "terms.",
    "errors.",
    "fields.",
    "layout.theme_",
    *(f"tariffs.{section}." for section in ("mode", "unit")),
    *(f"tenants.{section}." for section in ("said", "suspension")),
    *(f"keys.{section}." for section in ("role", "role_text")),
    *(f"state.{section}." for section in ("store", "store_away", "channel")),
    *(
        f"limits.{section}."
        for section in (
            "section",
            "about",
            "bound",
            "hint",
            "event",
            "channel",
            "channel_about",
            "tested",
            "state",
        )
    ),
    *(
        f"top-up.{section}."
        for section in ("method", "payee", "provider", "state", "outcome", "end")
    ),
)


def places(text: object) -> set[str]:
    texts = text.values() if isinstance(text, dict) else [str(text)]
    return {name for each in texts for _, name, _, _ in Formatter().parse(each) if name}


def test_both_languages_have_the_same_texts() -> None:
    assert RUSSIAN.texts.keys() == ENGLISH.texts.keys()


@pytest.mark.parametrize("key", sorted(ENGLISH.texts))
def test_both_languages_fill_in_the_same_places(key: str) -> None:
    assert places(RUSSIAN.texts[key]) == places(ENGLISH.texts[key])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_a_number_chooses_has_every_form_of_its_language(language: str) -> None:
    forms = set(Locale.parse(language).plural_form.tags) | {"other"}
    for key, text in ALL_WORDS[language].texts.items():
        if not isinstance(text, str):
            assert set(text) == forms, key


def test_a_section_is_told_apart_from_plural_forms() -> None:
    for words in ALL_WORDS.values():
        assert not [key for key in words.texts if key.rpartition(".")[2] in PLURALS]


def used_keys() -> set[str]:
    files = [*PLACE.rglob("*.html"), *PLACE.rglob("*.py")]
    literal = re.compile(r'"([a-z_-]+\.[a-z_.]+)"')
    return {key for file in files for key in literal.findall(file.read_text())}


def test_every_text_is_used() -> None:
    used = used_keys()
    tabs = {f"{path.name.replace('_', '-')}.tab" for path in (PLACE / "pages").iterdir()}
    unused = {key for key in ENGLISH.texts.keys() - used - tabs if not key.startswith(BY_NAME)}
    assert not unused


def test_every_text_that_is_used_is_there() -> None:
    sections = {key.partition(".")[0] for key in ENGLISH.texts}
    asked = {key for key in used_keys() if key.partition(".")[0] in sections}
    asked = {key for key in asked if not key.endswith((".", "_", ".html", ".js", ".css"))}
    assert asked <= ENGLISH.texts.keys()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 звонков идут"),
        (1, "1 звонок идёт"),
        (3, "3 звонка идут"),
        (5, "5 звонков идут"),
        (11, "11 звонков идут"),
        (21, "21 звонок идёт"),
        (104, "104 звонка идут"),
    ],
)
def test_russian_plurals(number: int, text: str) -> None:
    assert RUSSIAN.count("overview.calls.running", number) == text


@pytest.mark.parametrize(
    ("chosen", "accepted", "zone", "language"),
    [
        ("en", "ru", "Europe/Moscow", "en"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "UTC", "ru"),
        ("", "de, en;q=0.5, ru;q=0.7", "UTC", "ru"),
        ("", "de", "Asia/Omsk", "ru"),
        ("", "", "Europe/Lisbon", "en"),
        ("xx", "ru;q=0, en", "UTC", "en"),
        ("", ";;q=,,;q=9" * 300, "UTC", "en"),
    ],
)
def test_the_persons_choice_comes_before_the_browsers_and_the_tenants(
    chosen: str, accepted: str, zone: str, language: str
) -> None:
    assert language_of(chosen, accepted, zone) == language
