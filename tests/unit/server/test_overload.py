"""New calls are shed first, running calls last."""

import pytest

from server.errors import Overloaded
from server.interceptors.overload import CALLS, PRIORITIES, Limiter, Priority
from tollgate.v1.call_authorization_pb2 import AuthorizeRequest, ChargeRequest, SettleRequest
from tollgate.v1.common_pb2 import Usage


def test_new_calls_leave_a_fifth_for_running_ones() -> None:
    limiter = Limiter(10)
    for _ in range(8):
        limiter.enter(Priority.NEW)
    with pytest.raises(Overloaded):
        limiter.enter(Priority.NEW)
    limiter.enter(Priority.RUNNING)
    limiter.enter(Priority.RUNNING)
    with pytest.raises(Overloaded):
        limiter.enter(Priority.RUNNING)
    assert limiter.in_flight == 10
    limiter.leave()
    limiter.enter(Priority.RUNNING)


def test_an_authorize_that_re_opens_a_call_counts_as_running() -> None:
    priority = PRIORITIES[CALLS + "Authorize"]
    assert priority(AuthorizeRequest()) is Priority.NEW
    assert priority(AuthorizeRequest(usage=Usage())) is Priority.RUNNING


def test_settle_is_never_shed_before_authorize() -> None:
    assert PRIORITIES[CALLS + "Settle"](SettleRequest()) is Priority.RUNNING
    assert PRIORITIES[CALLS + "Charge"](ChargeRequest()) is Priority.RUNNING
