"""What a conversation uses up: turns of speech, and tokens that grow with what was said.

The caller and the assistant speak by turns. A turn of the assistant reads what is new and a window
of what was said before, part of which the provider serves from its cache, and writes what it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

TURN_S = 7.5
SHORTEST_TURN_S = 1.5


@dataclass(frozen=True, slots=True)
class Model:
    """How a model uses tokens: per second of speech heard and spoken, and of its memory."""

    name: str
    heard_per_s: float
    spoken_per_s: float
    instructions: int
    window: int
    cached_share: float


MODELS = (
    Model("gpt-4o-realtime", 10, 20, 120, 520, 0.45),
    Model("qwen-realtime", 10, 20, 120, 520, 0.45),
    Model("generic-assistant", 3.3, 9.3, 40, 110, 0.0),
)


class Turn(NamedTuple):
    """The caller speaks until `heard_ms`, the assistant until `ends_ms`; tokens count then."""

    begins_ms: int
    heard_ms: int
    ends_ms: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class Conversation:
    """The cumulative usage of one call at any moment; the same for the same seed."""

    def __init__(self, model: Model, seed: int) -> None:
        self._turns: list[Turn] = []
        self._coming = _turns(model, Random(seed))

    def usage_at(self, elapsed_ms: int) -> dict[str, int]:
        """Quantity per meter since the call was answered; never falls as time goes on."""
        while not self._turns or self._turns[-1].ends_ms <= elapsed_ms:
            self._turns.append(next(self._coming))
        done = [turn for turn in self._turns if turn.ends_ms <= elapsed_ms]
        begun = [turn for turn in self._turns if turn.begins_ms < elapsed_ms]
        return {
            "llm_input_tokens": sum(turn.input_tokens for turn in done),
            "llm_cached_tokens": sum(turn.cached_tokens for turn in done),
            "llm_output_tokens": sum(turn.output_tokens for turn in done),
            "stt_ms": sum(min(elapsed_ms, turn.heard_ms) - turn.begins_ms for turn in begun),
            "tts_ms": sum(max(0, min(elapsed_ms, turn.ends_ms) - turn.heard_ms) for turn in begun),
            "telephony_ms": elapsed_ms,
        }


def _turns(model: Model, random: Random) -> Iterator[Turn]:
    now_ms, said = 0, 0
    while True:
        heard_ms, spoken_ms = _turn_ms(random), _turn_ms(random)
        heard = round(model.heard_per_s * heard_ms / 1000)
        output = max(1, round(model.spoken_per_s * spoken_ms / 1000))
        reread = model.instructions + min(said, model.window)
        cached = round(model.cached_share * reread) if said else 0
        ends_ms = now_ms + heard_ms + spoken_ms
        yield Turn(now_ms, now_ms + heard_ms, ends_ms, heard + reread - cached, cached, output)
        now_ms, said = ends_ms, said + heard + output


def _turn_ms(random: Random) -> int:
    return round(1000 * max(SHORTEST_TURN_S, random.gammavariate(4, TURN_S / 4)))
