"""Example tenants, whose past is in the ledger before they are first looked at."""

from collections.abc import Callable, Mapping

from ledger.history.example import Example
from ledger.history.march_2026 import march_2026
from ledger.history.seeding import Seeder
from server.billing.form import Form
from tollgate.v1 import history_pb2 as pb

EXAMPLES: Mapping[str, Callable[[], Example]] = {"march-2026": march_2026}


class ExampleDesk:
    """Makes example tenants."""

    def __init__(self, seeder: Seeder) -> None:
        self._seeder = seeder

    async def seed(self, request: pb.SeedExampleRequest) -> pb.SeedExampleResponse:
        """Creates the tenant with its past; a repeat does nothing."""
        form = Form()
        form.id("request_id", request.request_id)
        form.id("tenant_id", request.tenant_id)
        if request.example not in EXAMPLES:
            form.wrong("example", "must be one of: " + ", ".join(EXAMPLES))
        form.done()
        example = EXAMPLES[request.example]()
        seeded = await self._seeder.seed(request.request_id, request.tenant_id, example)
        return pb.SeedExampleResponse(
            balance_micros=seeded.balance_micros, calls=seeded.calls, month=example.month
        )
