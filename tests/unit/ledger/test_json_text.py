"""JSON written from templates says what the general encoder would say."""

import json

import pytest

from ledger.json_text import json_object, json_pairs

NAMES = ["llm_input_tokens", "100%", "%d", 'a "quoted" \\ name', "имя", "line\nbreak"]


@pytest.mark.parametrize("count", range(len(NAMES) + 1))
def test_what_is_written_is_what_the_encoder_writes(count: int) -> None:
    amounts = {name: 10**12 - i for i, name in enumerate(NAMES[:count])}
    assert json_object(amounts).decode() == json.dumps(amounts)
    assert json_pairs(tuple(amounts.items())).decode() == json.dumps(list(amounts.items()))


def test_the_same_names_take_other_amounts() -> None:
    assert json_object({"a": 1}) == b'{"a": 1}'
    assert json_object({"a": -2}) == b'{"a": -2}'
