"""The calls that a stream carries."""

from server.calls.session.carried import Carried


def carrying(*calls: tuple[str, str, float]) -> Carried:
    carried = Carried()
    for tenant_id, call_id, heard_s in calls:
        carried.touch((tenant_id, call_id), heard_s)
    return carried


def test_calls_are_found_by_their_tenant() -> None:
    carried = carrying(("acme", "c1", 1), ("acme", "c2", 1), ("globex", "c1", 1))
    assert carried.of("acme") == ["c1", "c2"]
    assert carried.holds("globex", "c1")
    assert not carried.holds("globex", "c2")
    assert carried.of("nobody") == []


def test_a_call_that_is_over_is_dropped_and_dropping_it_again_changes_nothing() -> None:
    carried = carrying(("acme", "c1", 1), ("acme", "c2", 1))
    for _ in range(2):
        carried.drop(("acme", "c1"))
        carried.drop(("nobody", "c1"))
    assert carried.of("acme") == ["c2"]


def test_a_tenant_without_calls_takes_no_memory() -> None:
    carried = carrying(("acme", "c1", 1), ("globex", "c1", 1))
    carried.drop(("acme", "c1"))
    carried.forget(before_s=2)
    assert not carried._calls


def test_calls_that_were_not_heard_of_are_forgotten() -> None:
    carried = carrying(("acme", "old", 1), ("acme", "renewed", 1), ("acme", "new", 3))
    carried.touch(("acme", "renewed"), 2)
    carried.forget(before_s=2)
    assert carried.of("acme") == ["renewed", "new"]
