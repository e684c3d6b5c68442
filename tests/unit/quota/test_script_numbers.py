"""The script and the values in Python hold the same numbers, lengths and bounds."""

import re
from enum import IntEnum

import pytest

from quota import script
from quota.batch import Header, Status
from quota.decision import (
    AccountView,
    CallResult,
    CallView,
    Code,
    Directive,
    Event,
    Reason,
    State,
    SweepDeed,
)
from quota.operation import (
    KINDS,
    MAX_AMOUNT_MICROS,
    MAX_BALANCE_MICROS,
    NONE,
    Kind,
    Verdict,
)

TEXT = script.parts()
# Told by the process itself, never by the script.
OUTSIDE = {"OUT_OF_MEMORY", "UNKNOWN_TENANT", "REAUTHORIZE"}


def table(name: str) -> dict[str, int]:
    """A table of numbers in the script."""
    found = re.search(rf"local {name} = \{{(.*?)\}}", TEXT, re.DOTALL)
    assert found is not None
    return {word: int(number) for word, number in re.findall(r"(\w+) = (\d+)", found[1])}


def constants() -> dict[str, int]:
    """Every `local A, B = 1, 2` of whole numbers in capitals."""
    found: dict[str, int] = {}
    for names, values in re.findall(r"^local ([A-Z_, \n]+) = ([-\d, e]+)$", TEXT, re.MULTILINE):
        pairs = zip(names.split(","), values.split(","), strict=True)
        found |= {name.strip(): int(float(value)) for name, value in pairs}
    return found


def forms() -> dict[str, str]:
    """The letters of each kind's fields."""
    return dict(re.findall(r"\[(?:KIND\.)?([A-Z_]+)\] = '(\w+)'", TEXT))


@pytest.mark.parametrize(
    ("name", "enum"),
    [
        ("KIND", Kind),
        ("CODE", Code),
        ("REASON", Reason),
        ("DIRECTIVE", Directive),
        ("EVENT", Event),
        ("DEED", SweepDeed),
        ("VERDICT", Verdict),
        ("STATUS", Status),
    ],
)
def test_a_table_of_the_script_is_the_enum(name: str, enum: type[IntEnum]) -> None:
    assert table(name) == {each.name: each.value for each in enum if each.name not in OUTSIDE}


def test_the_constants_of_the_script_are_the_states() -> None:
    found = constants()
    assert {each.name: found.get(each.name) for each in State} == {e.name: e.value for e in State}


def test_the_bounds_of_the_script_are_those_of_the_operations() -> None:
    found = constants()
    assert found["NONE"] == NONE
    assert found["MAX_AMOUNT"] == MAX_AMOUNT_MICROS
    assert found["MAX_BALANCE"] == MAX_BALANCE_MICROS
    assert found["MAX_WHOLE"] == 2**53 - 1


def test_each_operation_has_as_many_fields_as_its_form_has_letters() -> None:
    lengths = {kind.name: len(operation._fields) for operation, kind in KINDS.items()}  # type: ignore[attr-defined]
    assert {name: len(letters) for name, letters in forms().items()} == lengths
    assert set(KINDS.values()) == set(Kind)


def test_every_letter_of_a_form_is_explained_and_checked() -> None:
    letters = set("".join(forms().values()))
    ranges = set(re.findall(r"\b(\w) = \{ ", TEXT[TEXT.index("local RANGES") :].split("\n  }")[0]))
    checks = set(re.findall(r"(\w) = is_\w+", TEXT[TEXT.index("local CHECKS") :].split("\n")[0]))
    assert letters <= ranges | checks
    assert not ranges & checks


def test_amounts_of_money_have_a_forms_letter_for_money() -> None:
    money = {"credit_limit", "credit", "target", "min_start", "fee", "burn", "total", "amount"}
    for operation, kind in KINDS.items():
        fields = operation._fields  # type: ignore[attr-defined]
        for field, letter in zip(fields, forms()[kind.name], strict=True):
            if field in money:
                assert letter == "a", (kind, field)
            if field == "tenant":
                assert letter == "t"


def answers_of(function: str) -> list[int]:
    """How many fields each table has that a function of the script answers with."""
    body = TEXT[TEXT.index(f"function {function}(") :]
    body = body[: body.index("\n  end\n") + 1]
    tables = re.findall(r"\{\n\s+CODE\.OK,(.*?)\n\s+\}\n", body, re.DOTALL)
    return [1 + sum(1 for part in top_level(text) if part.strip()) for text in tables]


def top_level(text: str) -> list[str]:
    """Splits at the commas that no bracket holds."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "({[") - (character in ")}]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        ("answer", CallResult),
        ("answer_refusal", CallResult),
        ("look_account", AccountView),
        ("look_call", CallView),
    ],
)
def test_the_script_answers_with_as_many_fields_as_the_value_has(
    function: str, answer: type[CallResult | AccountView | CallView]
) -> None:
    assert answers_of(function) == [len(answer._fields)]


def test_the_header_is_read_to_its_last_field() -> None:
    read = {int(number) for number in re.findall(r"\bheader\[(\d+)\]", TEXT)}
    assert read == set(range(1, len(Header._fields) + 1))


def test_another_text_makes_another_library() -> None:
    first, second = script.library_of("-- a"), script.library_of("-- b")
    assert first.strict != second.strict
    assert first.strict in first.code
    assert first.sparing in first.code
    assert script.library() == script.library_of(TEXT)


def test_only_the_sparing_function_runs_when_memory_is_full() -> None:
    library = script.library()
    registrations = library.code.split("redis.register_function")[1:]
    allowed = {library.sparing: True, library.strict: False}
    assert len(registrations) == 2
    for name, is_allowed in allowed.items():
        [text] = [each for each in registrations if f"'{name}'" in each]
        assert ("allow-oom" in text) is is_allowed
