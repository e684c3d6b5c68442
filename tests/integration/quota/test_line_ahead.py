"""A batch that is worth it lies behind the one that the store works on, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from quota.batch import Result, Simple
from quota.decision import AccountView, Code, Refused
from quota.errors import StoreUnavailable
from quota.gathering import WORTH_A_BATCH
from quota.operation import Confirm, LookAccount, Operation, Verdict, debit_key
from quota.shard_line import MAX_BATCH
from server.background.posting import confirm_in_order
from server.embedded import EmbeddedValkey
from tests.integration.quota.store_samples import (
    START_BALANCE,
    Bench,
    authorize,
    bench_on,
    client_on,
    debit,
    eventually,
    load,
)
from tests.proxy import Proxy

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]

FEW, MANY = WORTH_A_BATCH - 1, WORTH_A_BATCH
PATIENCE_S, HUGE_NOTE = 0.4, 60_000
NUMBERS = range(1, MAX_BATCH + MANY + 1)


def debits() -> list[Operation]:
    """What makes a full batch and one more that is worth it."""
    return [debit(number, 1) for number in NUMBERS]


def numbers(results: list[Result]) -> list[int]:
    """Those of the outbox."""
    return [result.number for result in results if isinstance(result, Simple)]


@asynccontextmanager
async def two_in_flight(
    url: str, proxied: Proxied
) -> AsyncIterator[tuple[Bench, Proxy, list[asyncio.Future[Result]]]]:
    """A line that waits for the replies to two batches."""
    proxy = await proxied(url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.hold_replies()
        asked = [bench.store.submit(operation) for operation in debits()]
        await proxy.holding()
        yield bench, proxy, asked


async def decided(client: Any) -> int:
    """How many batches the store has decided, whether it could tell or not."""
    statistics = (await client.info("commandstats")).get("cmdstat_fcall", {})
    return int(statistics.get("calls", 0))


@pytest.mark.parametrize(("waiting", "sent"), [(FEW, 1), (MANY, 2)])
async def test_a_batch_is_sent_ahead_if_it_is_worth_it(
    own_valkey: EmbeddedValkey, proxied: Proxied, waiting: int, sent: int
) -> None:
    proxy = await proxied(own_valkey.url)
    async with bench_on(proxy.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        before, answered = await decided(client), bench.line.batches
        proxy.hold_replies()
        everything = debits()[: MAX_BATCH + waiting]
        asked = [bench.store.submit(operation) for operation in everything]
        await proxy.holding()

        async def has_decided() -> bool:
            return await decided(client) == before + sent

        await eventually(has_decided)
        assert not any(each.done() for each in asked)
        proxy.restore()
        assert numbers(await asyncio.gather(*asked)) == [*NUMBERS[: MAX_BATCH + waiting]]
        assert bench.line.batches == answered + 2


@pytest.mark.parametrize("losses", [1, 2])
async def test_batches_whose_replies_are_lost_are_as_if_sent_once(
    redis_url: str, proxied: Proxied, losses: int
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.lose_replies(losses)
        assert numbers(await bench.ask(*debits())) == [*NUMBERS]
        assert (await bench.account()).balance == START_BALANCE - len(NUMBERS)
        assert proxy.lost_replies == losses


async def test_a_full_store_turns_away_authorizes_of_both(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        everything = [
            authorize(f"call-{number}") if number % 50 == 0 else debit(number, 1)
            for number in NUMBERS
        ]
        await client.config_set("maxmemory", "1mb")
        results = await bench.ask(*everything)
        await client.config_set("maxmemory", "0")
        full = [number for number, each in zip(NUMBERS, results, strict=True) if each.code]
        assert full == [number for number in NUMBERS if number % 50 == 0]
        assert {each.code for each in results} == {Code.OK, Code.OUT_OF_MEMORY}
        account = await bench.account()
        assert account.balance == START_BALANCE - len(NUMBERS) + len(full)
        assert account.active_calls == 0
        assert len(bench.keeper.asked) == 1


async def test_a_full_store_confirms_in_order_all_the_same(own_valkey: EmbeddedValkey) -> None:
    """A batch with an authorize is turned away, and confirmations behind it come too early."""
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await bench.ask(*debits())
        confirmations = [
            Confirm("anna", debit_key(str(number)), number, 1, Verdict.POSTED) for number in NUMBERS
        ]
        await client.config_set("maxmemory", "1mb")
        [refused, _] = await asyncio.gather(
            bench.store.submit(authorize("new")),
            confirm_in_order(bench.line, bench.line.epoch, confirmations),
        )
        await client.config_set("maxmemory", "0")
        assert refused == Refused(Code.OUT_OF_MEMORY, ())
        assert bench.line.posted_n == len(NUMBERS)
        assert (await bench.account()).unposted == 0


async def test_while_the_store_is_full_nothing_is_sent_ahead(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await client.config_set("maxmemory", "1mb")
        await bench.ask(authorize("noticed"))
        results = await bench.ask(authorize("refused"), *debits())
        assert numbers(results[1:]) == [*NUMBERS]
        await client.config_set("maxmemory", "0")


async def test_a_lost_function_library_is_loaded_for_both(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await client.function_flush()
        assert numbers(await bench.ask(*debits())) == [*NUMBERS]
        assert (await bench.account()).balance == START_BALANCE - len(NUMBERS)
        assert bench.keeper.rebuilt == 1


async def test_a_rebuilt_shard_answers_both_in_the_new_epoch(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await client.flushdb()
        results = await bench.ask(*debits())
        assert results == [Refused(Code.NOT_LOADED, ())] * len(NUMBERS)
        assert bench.keeper.rebuilt == 2


async def test_what_cannot_be_sent_fails_alone_in_the_batch_ahead(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        everything = debits()
        everything[-1] = debit(len(NUMBERS), 2**70)
        asked = [bench.store.submit(operation) for operation in everything]
        with pytest.raises(OverflowError):
            await asked[-1]
        assert numbers(await asyncio.gather(*asked[:-1])) == [*NUMBERS[:-1]]


async def test_a_store_that_takes_nothing_is_told_within_patience(
    redis_url: str, proxied: Proxied
) -> None:
    """More is written than fits on the way, so closing the connection would wait for it."""
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url, patience_s=PATIENCE_S) as bench:
        await bench.ask(load())
        proxy.hold()
        note = bytes(HUGE_NOTE)
        asked = [bench.store.submit(debit(n, 1)._replace(note=note)) for n in NUMBERS]
        done, waiting = await asyncio.wait(asked, timeout=10 * PATIENCE_S)
        assert not waiting
        assert {type(each.exception()) for each in done} == {StoreUnavailable}
        proxy.restore()
        assert (await bench.ask(debit(1, 1)))[0].code in (Code.OK, Code.KEY_REUSED)


async def test_a_connection_that_closed_unnoticed_is_not_written_to(redis_url: str) -> None:
    """The library would connect anew without asking the keeper."""
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        connection = bench.line._connection
        assert connection is not None
        await connection.disconnect()
        assert numbers(await bench.ask(*debits())) == [*NUMBERS]
        assert bench.line._connection is not connection


async def test_a_sender_that_was_ended_in_the_middle_leaves_no_reply_to_another(
    redis_url: str, proxied: Proxied
) -> None:
    async with two_in_flight(redis_url, proxied) as (bench, proxy, asked):
        sender = bench.line._sender
        assert sender is not None
        sender.cancel()
        await asyncio.wait([sender])
        proxy.restore()
        account = bench.store.submit(LookAccount("anna"))
        assert numbers(await asyncio.gather(*asked)) == [*NUMBERS]
        assert isinstance(await account, AccountView)


async def test_closing_answers_those_of_both(redis_url: str, proxied: Proxied) -> None:
    async with two_in_flight(redis_url, proxied) as (bench, _, asked):
        await bench.store.close()
        for each in asked:
            with pytest.raises(StoreUnavailable, match="stopping"):
                await each
