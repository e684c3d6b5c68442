"""The path of batches says little: a line for each operation would cost more than it."""

import logging

import pytest
import structlog
from structlog.testing import capture_logs

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation
from tests.integration.api.stream import Stream

MANY = 300
SEEN = {"event": "whatever is logged is seen", "log_level": "debug"}


async def test_a_message_of_many_operations_logs_a_line_at_most(
    installation: Installation, session: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    await installation.tenant("acme", balance=100_000_000)
    gateway, calls = Gateway(installation.admin), [f"c{number}" for number in range(MANY)]
    caplog.set_level(logging.DEBUG)
    for message in (
        [gateway.authorization(each) for each in calls],
        [gateway.report(each, 10) for each in calls],
        [gateway.report(each, 20) for each in calls],
        [gateway.settlement(each, 30) for each in calls],
    ):
        caplog.clear()
        with capture_logs() as lines:
            results = await session.ask(*message)
            structlog.get_logger().debug(SEEN["event"])
        assert not [result for result in results if result.HasField("error")]
        lines.remove(SEEN)
        assert len([*lines, *caplog.records]) <= 1
