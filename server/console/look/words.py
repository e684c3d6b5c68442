"""The texts of the console in each language, from one catalogue per page and language.

`texts/<page>.<language>.toml` holds texts and sections of texts; a key reads `page.section.name`.
A table of plural categories (one, few, many, other) is one text that is chosen by a number.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from babel import Locale

LANGUAGES = ("ru", "en")
DEFAULT = "en"
# The product's home market: who keeps its clock there reads its language.
RUSSIAN_ZONES = frozenset(
    {
        "Europe/Moscow", "Europe/Kaliningrad", "Europe/Samara", "Europe/Saratov",
        "Europe/Volgograd", "Europe/Kirov", "Europe/Astrakhan", "Europe/Ulyanovsk",
        "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Novosibirsk", "Asia/Barnaul", "Asia/Tomsk",
        "Asia/Novokuznetsk", "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Chita", "Asia/Yakutsk",
        "Asia/Vladivostok", "Asia/Khandyga", "Asia/Ust-Nera", "Asia/Magadan", "Asia/Sakhalin",
        "Asia/Srednekolymsk", "Asia/Kamchatka", "Asia/Anadyr",
    }
)  # fmt: skip
PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})

Text = str | Mapping[str, str]
_PREFERENCE = re.compile(r"([a-zA-Z]{1,8})(?:-[a-zA-Z0-9]{1,8})*(?:;q=([01](?:\.[0-9]{0,3})?))?")


class Words:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, Text]) -> None:
        self.language, self.texts = language, texts
        self._plural = Locale.parse(language).plural_form

    def __call__(self, key: str, **values: object) -> str:
        """The text with its places filled in. Raises KeyError for one that does not exist."""
        text = self.texts[key]
        assert isinstance(text, str), f"{key} is chosen by a number: use count"
        return text.format(**values) if values else text

    def count(self, key: str, number: int, **values: object) -> str:
        """The text for so many; `{n}` in it is what `n` says, by default the number itself."""
        forms = self.texts[key]
        assert not isinstance(forms, str), f"{key} is not chosen by a number"
        return forms[self._plural(number)].format(**({"n": number} | values))

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self.texts


def read_texts(language: str) -> dict[str, Text]:
    """All texts of a language by key."""
    found: dict[str, Text] = {}
    for file in files("server.console").joinpath("texts").iterdir():
        page, _, ending = file.name.partition(".")
        if ending == f"{language}.toml":
            found.update(_flat(page, tomllib.loads(file.read_text("utf-8"))))
    return found


def _flat(prefix: str, section: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    for name, value in section.items():
        key = f"{prefix}.{name}"
        if isinstance(value, str) or PLURALS.issuperset(value):
            yield key, value
        else:
            yield from _flat(key, value)


ALL_WORDS = {language: Words(language, read_texts(language)) for language in LANGUAGES}


class _Wish(NamedTuple):
    quality: float
    language: str


def language_of(chosen: str, accepted: str, time_zone: str) -> str:
    """The person's choice, else the best that the browser accepts, else the tenant's."""
    if chosen in LANGUAGES:
        return chosen
    for wish in _wishes(accepted):
        if wish.language in LANGUAGES and wish.quality > 0:
            return wish.language
    return "ru" if time_zone in RUSSIAN_ZONES else DEFAULT


def _wishes(accepted: str) -> Sequence[_Wish]:
    matches = (_PREFERENCE.fullmatch(part.strip()) for part in accepted[:500].split(","))
    wishes = [_Wish(float(m[2] or 1), m[1].lower()) for m in matches if m is not None]
    return sorted(wishes, key=lambda wish: -wish.quality)
