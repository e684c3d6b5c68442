"""Settled calls are found and listed; what is reported late is recorded, not charged."""

from datetime import timedelta

import pytest

from ledger.call import NEWEST_CALL, CallFilter, LateUsage
from ledger.calls import Calls
from ledger.errors import UnknownCall
from ledger.journal import Journal
from ledger.pool import Pool
from tests.integration.ledger.samples import SETTLED_AT, balance, settled_call

pytestmark = pytest.mark.usefixtures("acme", "shards")


@pytest.fixture
def calls(pool: Pool) -> Calls:
    return Calls(pool)


async def test_a_posted_call_is_found_with_all_it_was_posted_with(pool: Pool, calls: Calls) -> None:
    call = settled_call(1, elapsed_ms=None, started_at=None, answered_at=None)
    await Journal(pool).post(0, 1, [call])
    found = await calls.find("acme", "call-1")
    assert found is not None
    assert {name: getattr(found, name) for name in call._fields} == call._asdict()
    assert (found.shard, found.epoch, found.late_usage) == (0, 1, None)


async def test_a_call_belongs_to_its_tenant(pool: Pool, calls: Calls) -> None:
    await Journal(pool).post(0, 1, [settled_call(1)])
    assert await calls.find("other", "call-1") is None
    assert await calls.list("other", CallFilter(), 10) == []


async def test_calls_are_paged_from_the_newest_settlement(pool: Pool, calls: Calls) -> None:
    group = [
        settled_call(n, settled_at=SETTLED_AT + timedelta(minutes=(n + 1) // 2))
        for n in range(1, 8)
    ]
    await Journal(pool).post(0, 1, group)
    seen, position = [], NEWEST_CALL
    while page := await calls.list("acme", CallFilter(), 3, position):
        seen += [call.call_id for call in page]
        position = page[-1].page_position
    assert seen == ["call-7", "call-6", "call-5", "call-4", "call-3", "call-2", "call-1"]


async def test_calls_are_listed_between_two_times(pool: Pool, calls: Calls) -> None:
    minute = timedelta(minutes=1)
    group = [settled_call(n, settled_at=SETTLED_AT + n * minute) for n in range(1, 5)]
    await Journal(pool).post(0, 1, group)
    listed = await calls.list(
        "acme", CallFilter(SETTLED_AT + 2 * minute, SETTLED_AT + 4 * minute), 10
    )
    assert [call.n for call in listed] == [3, 2]


async def test_late_usage_only_grows_and_charges_nothing(pool: Pool, calls: Calls) -> None:
    await Journal(pool).post(0, 1, [settled_call(1, settle_digest=b"")])
    await calls.record_late_usage("acme", "call-1", {"stt_ms": 100_000, "tts_ms": 5}, 190_000)
    await calls.record_late_usage("acme", "call-1", {"stt_ms": 95_000, "video_ms": 7}, None)
    found = await calls.find("acme", "call-1")
    assert found is not None
    usage = {"stt_ms": 100_000, "tts_ms": 5, "video_ms": 7}
    assert found.late_usage == LateUsage(usage, 190_000)
    assert await balance(pool) == -46_000


async def test_late_usage_needs_a_settled_call(calls: Calls) -> None:
    with pytest.raises(UnknownCall):
        await calls.record_late_usage("acme", "call-1", {}, None)
