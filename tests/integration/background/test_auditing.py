"""The audit: finds a live balance that is not the ledger's, and repairs it with care."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ledger.audit import AuditReader
from quota.keys import key
from server.background.auditing import Auditor
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation
from tests.integration.background.live_account import balance_of, with_balance
from tollgate.v1 import billing_pb2 as billing


async def tamper(installation: Installation, difference: int) -> None:
    """Adds to the live balance behind everybody's back."""
    async with installation.redis() as client:
        packed: Any = await client.hget(key(0, "accounts"), "acme")
        changed = with_balance(packed, balance_of(packed) + difference)
        await client.hset(key(0, "accounts"), "acme", changed)


async def test_a_tampered_balance_is_found(installation: Installation, gateway: Gateway) -> None:
    await gateway.posted("c1", 10)
    await tamper(installation, 77)
    found = await installation.audit()
    assert list(found.differences) == [
        billing.AuditDifference(tenant_id="acme", live_micros=990_077, ledger_micros=990_000)
    ]
    assert (await installation.audit("acme")).differences == found.differences


async def test_an_operators_repair_goes_toward_the_ledger_in_either_direction(
    installation: Installation, gateway: Gateway
) -> None:
    for difference in (77, -77):
        await tamper(installation, difference)
        reply = await installation.admin(billing.AuditRequest(repair=True))
        assert [found.repaired for found in reply.differences] == [True]
        assert (await installation.balance()).balance_micros == 1_000_000
    assert not (await installation.audit()).differences


async def test_a_difference_above_the_limit_waits_for_an_operator(
    installation: Installation, gateway: Gateway
) -> None:
    await tamper(installation, 78)
    findings = await installation.parts.auditor.audit(repair_up_to=77)
    assert [found.repaired for found in findings.differences] == [False]
    assert (await installation.balance()).balance_micros == 1_000_078
    findings = await installation.parts.auditor.audit(repair_up_to=78)
    assert [found.repaired for found in findings.differences] == [True]


class Meddling(AuditReader):
    """Reads, and lets the live balance change after each reading."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(installation.parts._pool)
        self._installation = installation

    async def balances_as_of(
        self, shard: int, epoch: int, readings: Sequence[tuple[str, int, int]]
    ) -> dict[str, int]:
        """The ledger's balances."""
        balances = await super().balances_as_of(shard, epoch, readings)
        await tamper(self._installation, 5)
        return balances


async def test_a_repair_needs_the_same_difference_in_two_readings(
    installation: Installation, gateway: Gateway
) -> None:
    parts = installation.parts
    auditor = Auditor(parts.store, parts.readers, Meddling(installation), 10**12)
    await tamper(installation, 5)
    assert not (await auditor.audit(repair_up_to=10**12)).differences
    assert (await installation.balance()).balance_micros == 1_000_015


async def test_audits_under_load_find_nothing(installation: Installation, gateway: Gateway) -> None:
    async def live(number: int) -> None:
        await gateway.accepted(f"c{number}")
        await gateway.charge(f"c{number}", 5)
        await installation.adjust("acme", 10)
        await installation.adjust("acme", -5)
        await gateway.settle(f"c{number}", 10)

    calls = asyncio.gather(*(live(number) for number in range(16)))
    audits = 0
    while not calls.done():
        assert not (await installation.audit()).differences
        audits += 1
    await calls
    assert audits > 0
    await installation.settled_down()
