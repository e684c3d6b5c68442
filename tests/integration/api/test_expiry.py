"""Silent calls: expired, still charged, closed at last, and what comes after that."""

from collections import Counter

import grpc

from quota.decision import SweepDeed
from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, eventually, usage
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

LATE: dict[str, int] = {"lease_ms": 1, "grace_ms": 0}
SILENT = LATE | {"late_window_s": 0}


async def sweep(installation: Installation, deed: SweepDeed) -> None:
    """Sweeps until something was done."""
    done: Counter[SweepDeed] = Counter()

    async def did() -> bool:
        done.update(await installation.parts.sweepers[0].tick())
        return done[deed] > 0

    await eventually(did)


async def test_a_silent_call_expires_and_its_reservation_is_released(install: Install) -> None:
    async with install(**LATE) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.charge("c1", 10)
        await sweep(installation, SweepDeed.EXPIRED)
        call, balance = await gateway.call(), await installation.balance()
        assert (call.state, call.charged_micros) == (common_pb2.CALL_STATE_EXPIRED, 10_000)
        assert (balance.balance_micros, balance.reserved_micros) == (90_000, 0)
        assert (balance.active_calls, balance.unposted_micros) == (0, 10_000)
        assert not await installation.ledger("SELECT count(*) FROM calls")


async def test_a_call_within_its_lease_and_grace_is_left_alone(gateway: Gateway) -> None:
    await gateway.accepted()
    assert (await gateway.call()).lease_expires_at.seconds > 0


async def test_late_reports_are_charged_from_what_is_available(install: Install) -> None:
    async with install(**LATE) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await sweep(installation, SweepDeed.EXPIRED)
        reply = await gateway.charge("c1", 30)
        assert (reply.directive, reply.grant) == (pb.DIRECTIVE_HANG_UP, pb.Grant())
        assert (reply.charged_micros, reply.state) == (30_000, common_pb2.CALL_STATE_EXPIRED)


async def test_a_late_authorize_is_accepted_without_a_grant(install: Install) -> None:
    async with install(**LATE) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await sweep(installation, SweepDeed.EXPIRED)
        reply = await gateway.accepted(seconds=20)
        assert (reply.directive, reply.grant) == (pb.DIRECTIVE_HANG_UP, pb.Grant())
        assert (await gateway.call()).charged_micros == 20_000


async def test_a_late_settle_closes_the_call(install: Install) -> None:
    async with install(**LATE) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await sweep(installation, SweepDeed.EXPIRED)
        reply = await gateway.posted("c1", 40)
        assert (reply.charged_micros, reply.outcome) == (40_000, common_pb2.OUTCOME_COMPLETED)
        await installation.settled_down()


async def test_after_the_late_window_the_call_is_closed_as_incomplete(install: Install) -> None:
    async with install(**SILENT) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.charge("c1", 10)
        await sweep(installation, SweepDeed.CLOSED)
        await installation.settled_down()
        call = await gateway.call()
        assert (call.outcome, call.charged_micros) == (common_pb2.OUTCOME_INCOMPLETE, 10_000)
        assert (await installation.balance()).balance_micros == 90_000


async def test_usage_after_that_is_recorded_and_not_charged(install: Install) -> None:
    async with install(**SILENT) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.charge("c1", 10)
        await sweep(installation, SweepDeed.CLOSED)
        await installation.settled_down()
        reply = await gateway.charge("c1", 20)
        assert (reply.directive, reply.charged_micros) == (pb.DIRECTIVE_HANG_UP, 10_000)
        settled = await gateway.posted("c1", 25)
        assert settled.outcome == common_pb2.OUTCOME_INCOMPLETE
        assert settled.charged_micros == 10_000
        assert (await gateway.call()).late_usage == usage(25)
        assert (await installation.balance()).balance_micros == 90_000
        await installation.settled_down()


async def forgotten(installation: Installation, gateway: Gateway, seconds: float = 10) -> None:
    """Settles a call, and sweeps it out of the live store."""
    await gateway.accepted()
    await gateway.posted("c1", seconds)
    await sweep(installation, SweepDeed.FORGOTTEN)


async def test_after_retention_a_repeated_settle_is_answered_by_the_ledger(
    install: Install,
) -> None:
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await forgotten(installation, gateway)
        reply = await gateway.settle("c1", 10)
        assert (reply.settlement, reply.charged_micros) == (common_pb2.SETTLEMENT_POSTED, 10_000)
        assert [cost.amount_micros for cost in reply.cost] == [10_000]
        conflict = gateway.settlement("c1", 11)
        key_reused = Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
        assert await gateway.told(conflict) == key_reused
        assert (await installation.balance()).balance_micros == 90_000


async def test_after_retention_a_charge_is_answered_by_the_ledger(install: Install) -> None:
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await forgotten(installation, gateway)
        reply = await gateway.charge("c1", 20)
        assert (reply.directive, reply.state) == (
            pb.DIRECTIVE_HANG_UP,
            common_pb2.CALL_STATE_SETTLED,
        )
        assert (reply.charged_micros, reply.usage) == (10_000, usage(10))


async def test_after_retention_an_authorize_with_usage_is_refused_as_settled(
    install: Install,
) -> None:
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await forgotten(installation, gateway)
        refusal = await gateway.refused(seconds=20)
        assert refusal.reason == pb.REFUSAL_REASON_CALL_ALREADY_SETTLED
        assert (refusal.available_micros, refusal.spent_today_micros) == (90_000, 10_000)
        assert (refusal.sip_status, refusal.q850_cause) == (403, 21)
        assert (await installation.balance()).balance_micros == 90_000


async def test_after_retention_get_call_reads_the_ledger(install: Install) -> None:
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await forgotten(installation, gateway)
        call = await gateway.call()
        assert (call.state, call.charged_micros) == (common_pb2.CALL_STATE_SETTLED, 10_000)
        assert (await gateway.end("c1")).state == common_pb2.CALL_STATE_SETTLED


async def test_a_call_id_used_again_after_retention_is_returned_and_posted_once(
    install: Install,
) -> None:
    """A plain Authorize never reads the ledger, so the poster finds the second use."""
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await forgotten(installation, gateway)
        await gateway.accepted()
        await gateway.charge("c1", 30)
        await gateway.settle("c1", 30)
        await installation.settled_down()
        balance = await installation.balance()
        assert (balance.balance_micros, balance.spent_today_micros) == (90_000, 10_000)
        assert await installation.ledger("SELECT count(*) FROM calls") == 1
