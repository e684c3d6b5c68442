"""Asks the services in process: the same method objects, permissions and errors as over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from google.rpc import error_details_pb2

from server.errors import PermissionDenied, Told, Violation, tell
from server.grpc_server import Service
from server.interceptors.failures import tell_of
from server.interceptors.permissions import ALLOWED, Roles
from server.interceptors.principal import Principal, set_principal


class Declined(Exception):
    """What a service answered instead of a reply, as a gRPC client would read it."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.text)
        self.code: grpc.StatusCode = told.code
        self.reason, self.metadata = "", dict[str, str]()
        self.violations: list[Violation] = []
        for detail in told.status.details:
            self._read(detail)

    def _read(self, detail: Any) -> None:
        info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            self.reason, self.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(wrong):
            self.violations = [
                Violation(each.field, each.description, each.reason)
                for each in wrong.field_violations
            ]


class Services:
    """The methods of all services by their short names, which are told apart by nothing else."""

    def __init__(self, services: Iterable[Service], allowed: Mapping[str, Roles] = ALLOWED) -> None:
        self._methods: dict[str, Any] = {}
        self._roles: dict[str, Roles] = {}
        for service in services:
            for name, roles in allowed.items():
                owner, _, method = name.partition("/")
                if owner == service.name:
                    assert method not in self._methods, f"two services have {method}"
                    self._methods[method] = getattr(service.methods, method)
                    self._roles[method] = roles

    def may(self, principal: Principal, method: str) -> bool:
        """Whether the key's role may call the method at all."""
        return principal.role in self._roles[method]

    async def ask(self, principal: Principal, method: str, request: Any) -> Any:
        """The reply of a unary method. Raises Declined."""
        self._enter(principal, method)
        try:
            return await self._methods[method](request, None)
        except Exception as error:
            raise Declined(tell_of(error, method)) from error

    async def stream(
        self, principal: Principal, method: str, request: Any
    ) -> AsyncGenerator[Any, None]:
        """The replies of a method that streams them. Raises Declined."""
        self._enter(principal, method)
        try:
            async with aclosing(self._methods[method](request, None)) as replies:
                async for reply in replies:
                    yield reply
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise Declined(tell_of(error, method)) from error

    def _enter(self, principal: Principal, method: str) -> None:
        if not self.may(principal, method):
            raise Declined(tell(PermissionDenied()))
        set_principal(principal)
