"""May a call start: every reason to refuse it, in order, and what a grant holds."""

from tollgate.v1 import call_authorization_pb2 as pb

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, Installation


async def test_authorize_reserves_a_minute_at_the_expected_pace(gateway: Gateway) -> None:
    reply = await gateway.accepted()
    assert reply.grant == pb.Grant(
        reserved_micros=60 * SECOND, seconds_left=60, valid_for_ms=60_000
    )
    assert reply.directive == pb.DIRECTIVE_CONTINUE
    assert reply.tariff_version == "clock@1"


async def test_the_balance_shows_what_is_reserved(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    balance = await installation.balance()
    assert (balance.balance_micros, balance.reserved_micros) == (1_000_000, 60 * SECOND)
    assert (balance.available_micros, balance.active_calls) == (940_000, 1)
