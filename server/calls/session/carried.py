"""The calls that a stream carries, so that what changes their fate finds its way to them."""


class Carried:
    """Calls by tenant, each with when it was last heard of, in seconds of the loop's clock."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, float]] = {}

    def touch(self, call: tuple[str, str], now_s: float) -> None:
        """A tenant's call was heard of."""
        tenant_id, call_id = call
        calls = self._calls.get(tenant_id)
        if calls is None:
            calls = self._calls[tenant_id] = {}
        calls[call_id] = now_s

    def drop(self, call: tuple[str, str]) -> None:
        """A tenant's call is over."""
        tenant_id, call_id = call
        calls = self._calls.get(tenant_id)
        if calls is not None and calls.pop(call_id, None) is not None and not calls:
            del self._calls[tenant_id]

    def of(self, tenant_id: str) -> list[str]:
        """The calls of a tenant."""
        return list(self._calls.get(tenant_id, ()))

    def holds(self, tenant_id: str, call_id: str) -> bool:
        """Whether the stream carries a call."""
        return call_id in self._calls.get(tenant_id, ())

    def forget(self, before_s: float) -> None:
        """Drops the calls that were not heard of since: their leases are over."""
        for tenant_id in list(self._calls):
            heard = self._calls[tenant_id]
            kept = {call_id: at for call_id, at in heard.items() if at >= before_s}
            if kept:
                self._calls[tenant_id] = kept
            else:
                del self._calls[tenant_id]
