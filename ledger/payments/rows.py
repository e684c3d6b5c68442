"""From rows of the ledger to top-ups."""

from ledger.payments.facts import Facts, State
from ledger.payments.rate import Rate
from ledger.payments.top_up import TopUp
from ledger.pool import Row

_RATE = ("rate_numerator", "rate_denominator", "rate_day")


def top_up_of(row: Row) -> TopUp:
    """The top-up that a row holds."""
    values = dict(row)
    rate = Rate(*(values.pop(name) for name in _RATE))
    facts, state = Facts.from_document(values.pop("facts")), State(values.pop("state"))
    return TopUp(rate=rate, facts=facts, state=state, **values)
