"""Links that sign a browser in to the console, for who has a key on the command line."""

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.console_access import ConsoleAccess
from server.billing.form import Form
from server.interceptors.principal import current_principal
from tollgate.v1 import console_pb2 as pb

ENTER = "/console/enter/"


class ConsoleLinkDesk:
    """Makes links to the console at `origin`."""

    def __init__(self, access: ConsoleAccess, origin: str) -> None:
        self._access, self._origin = access, origin

    async def create(self, request: pb.CreateConsoleLinkRequest) -> pb.CreateConsoleLinkResponse:
        """Makes a link with the rights of the key that asks, or those of one tenant."""
        form = Form()
        form.id("request_id", request.request_id)
        if request.tenant_id:
            form.id("tenant_id", request.tenant_id)
        form.done()
        link = await self._access.create_link(
            request.request_id, current_principal().key_id, request.tenant_id or None
        )
        until = Timestamp()
        until.FromDatetime(link.expires_at)
        url = f"{self._origin}{ENTER}{link.token}" if link.token else ""
        return pb.CreateConsoleLinkResponse(url=url, expires_at=until)
