"""A partial debit takes what is there, be it nothing; a repeat moves nothing."""

from quota.batch import Simple
from quota.decision import AccountView, Code
from quota.operation import Debit, debit_key
from quota.outbox import DebitedEntry
from tests.integration.quota.store_samples import (
    START_BALANCE,
    authorize,
    bench_on,
    load,
    reader_on,
)


def partial(number: int, amount: int) -> Debit:
    """Takes what there is, up to an amount."""
    return Debit("anna", debit_key(str(number)), amount, b"d", b"", 1)


async def test_it_takes_what_is_available_and_tells_the_ledger_how_much(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, reader_on(redis_url) as reader:
        await bench.ask(load(), authorize("call"))
        account = await bench.account()
        assert isinstance(account, AccountView)
        free = START_BALANCE - account.reserved
        assert 0 < free < START_BALANCE
        first, second = await bench.ask(partial(1, START_BALANCE), partial(2, 5))
        assert first == Simple(Code.OK, 1, account.reserved)
        assert second == Simple(Code.OK, 2, account.reserved)
        entries = await reader.outbox_after(0, 10, None)
        assert [each.amount for each in entries if isinstance(each, DebitedEntry)] == [free, 0]


async def test_a_repeat_takes_nothing_and_other_content_is_refused(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        first, again, other = await bench.ask(partial(1, 100), partial(1, 100), partial(1, 101))
        assert first == again == Simple(Code.OK, 1, START_BALANCE - 100)
        assert other.code == Code.KEY_REUSED
