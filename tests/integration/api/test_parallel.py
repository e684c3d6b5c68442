"""Ten thousand calls at once, with money for exactly a hundred."""

import asyncio

from server.app import Parts
from server.calls.conclusions import Conclusions
from server.calls.desk import CallDesk
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, Installation
from tollgate.v1 import call_authorization_pb2 as pb


def desk_of(parts: Parts) -> CallDesk:
    """What every transport asks; gRPC itself would shed most of these."""
    conclusions = Conclusions(parts.book, parts.refusals)
    return CallDesk(parts.store, parts.directory, parts.book, parts.calls, conclusions)


async def test_of_ten_thousand_parallel_authorizations_exactly_a_hundred_fit(
    installation: Installation,
) -> None:
    await installation.tenant(balance=100 * 60 * SECOND)
    gateway, desk = Gateway(installation.admin), desk_of(installation.parts)
    replies = await asyncio.gather(
        *(desk.authorize(gateway.authorization(f"c{number}")) for number in range(10_000))
    )
    accepted = [reply for reply in replies if reply.decision == pb.DECISION_ACCEPTED]
    refused = [reply.refusal for reply in replies if reply.decision == pb.DECISION_REJECTED]
    assert len(accepted) == 100
    assert all(reply.grant.reserved_micros == 60 * SECOND for reply in accepted)
    assert len(refused) == 9_900
    assert {refusal.reason for refusal in refused} == {pb.REFUSAL_REASON_INSUFFICIENT_BALANCE}
    balance = await installation.balance()
    assert (balance.available_micros, balance.reserved_micros) == (0, 6_000_000)
    assert balance.active_calls == 100
    await installation.parts.refusals.flush()
    counted = "SELECT count FROM refusal_counts WHERE tenant = 'acme'"
    assert await installation.ledger(counted) == 9_900
    await installation.settled_down()


async def test_calls_in_parallel_never_charge_more_than_there_is(
    installation: Installation,
) -> None:
    await installation.tenant(balance=500 * SECOND, daily_cap_micros=400 * SECOND)
    gateway = Gateway(installation.admin)

    async def live(call_id: str) -> int:
        """One call from start to end; what was charged for it."""
        if (await gateway.authorize(call_id)).decision == pb.DECISION_REJECTED:
            return 0
        for seconds in (5, 15, 35, 60):
            await gateway.charge(call_id, seconds)
        return (await gateway.posted(call_id, 62)).charged_micros

    charged = await asyncio.gather(*(live(f"c{number}") for number in range(60)))
    balance = await installation.balance()
    assert sum(charged) == 500 * SECOND - balance.balance_micros == balance.spent_today_micros
    assert balance.spent_today_micros == 400 * SECOND
    assert balance.reserved_micros == 0
    await installation.settled_down()
