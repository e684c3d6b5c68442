"""The calls that a stream speaks of."""

from server.calls.session.carried import NEVER, Carried


def carrying(*calls: tuple[str, str, float]) -> Carried:
    carried = Carried()
    for tenant_id, call_id, heard_s in calls:
        carried.call((tenant_id, call_id)).heard_s = heard_s
    return carried


def test_calls_are_found_by_their_tenant() -> None:
    carried = carrying(("acme", "c1", 1), ("acme", "c2", 1), ("globex", "c1", 1))
    assert carried.of("acme") == ["c1", "c2"]
    assert carried.holds("globex", "c1")
    assert not carried.holds("globex", "c2")
    assert carried.of("nobody") == []


def test_a_call_that_does_not_run_is_known_but_not_carried() -> None:
    carried = carrying(("acme", "asked", NEVER), ("acme", "runs", 1))
    assert carried.of("acme") == ["runs"]
    assert not carried.holds("acme", "asked")
    assert carried.call(("acme", "asked")) is carried.call(("acme", "asked"))


def test_nothing_stays_of_a_call_that_is_over() -> None:
    carried = carrying(("acme", "c1", 1), ("acme", "c2", NEVER))
    carried.release(carried.call(("acme", "c2")))
    assert list(carried.calls) == [("acme", "c1")]
    carried.release(carried.call(("acme", "c1")))
    assert not carried.calls
    assert not carried._of


def test_calls_that_were_not_heard_of_are_forgotten() -> None:
    carried = carrying(("acme", "old", 1), ("acme", "renewed", 2), ("globex", "c1", 1))
    carried.forget(before_s=2)
    assert carried.of("acme") == ["renewed"]
    assert list(carried.calls) == [("acme", "renewed")]


def test_a_call_that_is_worked_on_is_not_carried_any_more_but_stays_known() -> None:
    carried = carrying(("acme", "busy", 1))
    call = carried.call(("acme", "busy"))
    call.busy = True
    carried.forget(before_s=2)
    assert not carried.holds("acme", "busy")
    assert carried.call(("acme", "busy")) is call


def test_what_is_cleared_keeps_nothing_that_waits() -> None:
    carried = carrying(("acme", "c1", 1))
    call = carried.call(("acme", "c1"))
    call.wait("an operation")
    carried.clear()
    assert call.waiting is None
    assert not carried.calls


def test_a_call_that_ends_after_its_stream_is_no_longer_known() -> None:
    carried = carrying(("acme", "c1", NEVER))
    call = carried.call(("acme", "c1"))
    carried.clear()
    carried.release(call)
    assert not carried.calls
