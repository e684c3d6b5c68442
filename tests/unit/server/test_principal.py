"""Scopes decide the role, and tenant scopes bound it."""

import pytest

from server.errors import PermissionDenied
from server.interceptors.permissions import ALLOWED
from server.interceptors.principal import Principal
from tollgate.v1 import billing_pb2, call_authorization_pb2


@pytest.mark.parametrize(
    ("scopes", "role", "reaches", "misses"),
    [
        (("admin",), "admin", ["a", "b"], []),
        (("gateway",), "gateway", ["a", "b"], []),
        (("gateway", "tenant:a"), "gateway", ["a"], ["b", "", "A"]),
        (("tenant:a", "tenant:b"), "tenant", ["a", "b"], ["c"]),
        (("admin", "tenant:a"), "admin", ["a"], ["b"]),
        ((), "tenant", [], ["a", ""]),
    ],
)
def test_scopes(scopes: tuple[str, ...], role: str, reaches: list[str], misses: list[str]) -> None:
    principal = Principal.of("k", scopes)
    assert principal.role == role
    assert all(principal.may_use(tenant) for tenant in reaches)
    assert not any(principal.may_use(tenant) for tenant in misses)


def test_a_refusal_does_not_tell_what_exists() -> None:
    principal = Principal.of("k", ("tenant:a",))
    with pytest.raises(PermissionDenied) as caught:
        principal.require("b")
    assert "tenant" not in str(caught.value)


@pytest.mark.parametrize("file", [billing_pb2, call_authorization_pb2])
def test_every_method_of_ours_is_listed(file: object) -> None:
    for service in file.DESCRIPTOR.services_by_name.values():  # type: ignore[attr-defined]
        for method in service.methods:
            assert f"{service.full_name}/{method.name}" in ALLOWED
