"""A running Tollgate with the product's example month, and gateways to make calls by hand."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from server.preparing import admin_key_path
from tests.acceptance.processes import command, environment, serving
from tests.integration.api.installation import fresh_id
from tests.scratch import scratch_dir
from tests.unit.documents.samples import SELLER
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import billing_pb2_grpc, call_authorization_pb2_grpc, common_pb2, console_pb2
from tollgate.v1 import call_authorization_pb2 as calls
from tollgate.v1 import history_pb2 as history

TENANT = "technomaster"
MONTH = "2026-03"
MODEL = "generic-assistant"
DEADLINE_S = 20.0
SELLING = {f"seller_{name}": value for name, value in asdict(SELLER).items()}


class Service:
    """What tests ask of the service behind the pages; the same methods as everybody's."""

    def __init__(self, console: str, address: str, state_dir: Path) -> None:
        self.console, self.address, self._state_dir = console, address, state_dir
        self._key = admin_key_path(state_dir).read_text().strip()
        self._channel = grpc.insecure_channel(address)
        self._billing: Any = billing_pb2_grpc.BillingServiceStub(self._channel)
        self._calls: Any = call_authorization_pb2_grpc.CallAuthorizationServiceStub(self._channel)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def ask(self, method: str, request: Any) -> Any:
        """The reply of an administrator's request."""
        stub = self._billing if hasattr(self._billing, method) else self._calls
        metadata = (("authorization", f"Bearer {self._key}"),)
        return getattr(stub, method)(request, metadata=metadata, timeout=DEADLINE_S)

    def link(self, tenant_id: str = "") -> str:
        """A link that signs in once; without a tenant as an administrator."""
        request = console_pb2.CreateConsoleLinkRequest(request_id=fresh_id(), tenant_id=tenant_id)
        url: str = self.ask("CreateConsoleLink", request).url
        return url

    def key(self, *scopes: str) -> str:
        """A new API key."""
        request = billing.CreateApiKeyRequest(request_id=fresh_id(), name="a test's", scopes=scopes)
        key: str = self.ask("CreateApiKey", request).api_key
        return key

    def tenant(self, tenant_id: str, dollars: int, **limits: int) -> str:
        """Creates a tenant with money."""
        new = billing.Tenant(
            tenant_id=tenant_id, name=tenant_id.title(), limits=billing.Limits(**limits)
        )
        self.ask("CreateTenant", billing.CreateTenantRequest(request_id=fresh_id(), tenant=new))
        self.credit(tenant_id, dollars)
        return tenant_id

    def credit(self, tenant_id: str, dollars: int) -> None:
        """Adds money by hand."""
        request = billing.AdjustBalanceRequest(
            request_id=fresh_id(),
            tenant_id=tenant_id,
            amount_micros=dollars * 1_000_000,
            reason="a test",
        )
        self.ask("AdjustBalance", request)

    def authorize(
        self, tenant_id: str, call_id: str, caller: str = "+12025550143", model: str = MODEL
    ) -> Any:
        """Begins a call."""
        request = calls.AuthorizeRequest(
            tenant_id=tenant_id,
            call_id=call_id,
            model=model,
            caller=caller,
            callee="+12025550101",
            direction=common_pb2.DIRECTION_INBOUND,
        )
        return self.ask("Authorize", request)

    def charge(self, tenant_id: str, call_id: str, seconds: int) -> Any:
        """Reports what so many seconds of talk use."""
        usage = {
            "llm_output_tokens": seconds * 10,
            "stt_ms": seconds * 500,
            "tts_ms": seconds * 500,
        }
        request = calls.ChargeRequest(
            tenant_id=tenant_id,
            call_id=call_id,
            usage=common_pb2.Usage(quantities=usage),
            elapsed_ms=seconds * 1000,
        )
        return self.ask("Charge", request)

    @contextmanager
    def simulated(self, tenant_id: str, lines: int = 5) -> Iterator[None]:
        """Calls that go on by themselves, three times as fast as life, until the block ends."""
        arguments = command("simulate", "--tenant", tenant_id, "--calls", "100000")
        arguments += ["--concurrency", str(lines), "--speed", "3", "--server", self.address]
        with subprocess.Popen(
            arguments,
            env=environment(self._state_dir),
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        ) as process:
            try:
                yield
            finally:
                process.kill()


@contextmanager
def running() -> Iterator[Service]:
    """A service of its own process and stores, with the example month."""
    with scratch_dir() as state_dir, serving(state_dir, **SELLING) as server:
        service = Service(server.http, server.address, state_dir)
        try:
            example = history.SeedExampleRequest(
                request_id="example", tenant_id=TENANT, example="march-2026"
            )
            service.ask("SeedExample", example)
            yield service
        finally:
            service.close()
