"""The pace of the Telegram bot: a message a second to a chat, thirty in all."""

from datetime import timedelta

from server.notifications.pace import ALL_AT_MOST, Pace
from tests.unit.notifications.samples import AT

SECOND = timedelta(seconds=1)


def test_a_chat_is_written_to_once_a_second() -> None:
    pace = Pace()
    assert pace.take("1", AT) is None
    assert pace.take("1", AT) == AT + SECOND
    assert pace.take("2", AT) is None
    assert pace.take("1", AT + SECOND) is None


def test_all_chats_share_thirty_a_second() -> None:
    pace = Pace()
    for chat in range(ALL_AT_MOST):
        assert pace.take(str(chat), AT) is None
    assert pace.take("late", AT) == AT + SECOND
    assert pace.take("late", AT + SECOND) is None


def test_a_chat_waits_as_long_as_it_was_told() -> None:
    pace = Pace()
    pace.hold("1", AT + 40 * SECOND)
    assert pace.take("1", AT + 39 * SECOND) == AT + 40 * SECOND
    assert pace.take("1", AT + 40 * SECOND) is None
    assert pace.take("2", AT) is None


def test_what_is_over_is_forgotten() -> None:
    pace = Pace()
    for number in range(1_000):
        assert pace.take(str(number), AT + number * SECOND) is None
    assert len(pace._free_at) <= 10 * ALL_AT_MOST + 1
