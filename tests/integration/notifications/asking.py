"""What tests ask of notifications over the API."""

from collections.abc import Sequence
from typing import Any

from tests.integration.api.client import Client
from tests.integration.api.installation import fresh_id
from tollgate.v1 import notifications_pb2 as pb


def update(*paths: str, tenant_id: str = "acme", request_id: str = "", **fields: Any) -> Any:
    """A change of settings: of the fields that are given, and of those in `paths`."""
    request = pb.UpdateNotificationSettingsRequest(
        request_id=request_id or fresh_id(),
        tenant_id=tenant_id,
        settings=pb.NotificationSettings(**fields),
    )
    request.update_mask.paths.extend([*fields, *paths])
    return request


async def send_test(client: Client, tenant_id: str = "acme") -> Sequence[pb.Notification]:
    """Sends a test; what was queued."""
    request = pb.SendTestNotificationRequest(request_id=fresh_id(), tenant_id=tenant_id)
    queued: Sequence[pb.Notification] = (await client(request)).notifications
    return queued


async def listed(
    client: Client, *states: pb.NotificationState.ValueType, tenant_id: str = "acme"
) -> Sequence[pb.Notification]:
    """A tenant's notifications, the newest first."""
    request = pb.ListNotificationsRequest(tenant_id=tenant_id, states=states)
    found: Sequence[pb.Notification] = (await client(request)).notifications
    return found
