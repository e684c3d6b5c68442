"""The audit that runs by itself."""

import pytest

from server.background import auditing
from server.metrics import ALARMS
from tests.integration.api.installation import Installation, eventually

# As only a hand in the database could do it.
FORGE = """
ALTER TABLE accounts DISABLE TRIGGER accounts_moved_by_postings;
UPDATE accounts SET balance_micros = balance_micros + 5 WHERE tenant = 'acme';
"""


async def test_a_ledger_that_does_not_add_up_alarms(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "EVERY_S", 0.01)
    alarm = ALARMS.labels("unbalanced")
    before = alarm._value.get()
    await installation.tenant(balance=100)
    await installation.parts._pool.execute(FORGE)
    installation.beside(installation.parts.auditor.run)

    async def alarmed() -> bool:
        return bool(alarm._value.get() > before)

    await eventually(alarmed)
