"""The part of BillingService that is about notifications."""

from typing import Any

from server.interceptors.principal import current_principal
from server.notifications.desk import NotificationDesk
from tollgate.v1 import notifications_pb2 as pb


class NotificationMethods:
    """Checks the key's reach and hands on to the desk."""

    _notifications: NotificationDesk

    async def GetNotificationSettings(
        self, request: pb.GetNotificationSettingsRequest, context: Any
    ) -> pb.GetNotificationSettingsResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.get_settings(request)

    async def UpdateNotificationSettings(
        self, request: pb.UpdateNotificationSettingsRequest, context: Any
    ) -> pb.UpdateNotificationSettingsResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.update_settings(request)

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Any
    ) -> pb.RotateWebhookSecretResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.rotate_secret(request)

    async def SendTestNotification(
        self, request: pb.SendTestNotificationRequest, context: Any
    ) -> pb.SendTestNotificationResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.test(request)

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.list(request)

    async def RetryNotification(
        self, request: pb.RetryNotificationRequest, context: Any
    ) -> pb.RetryNotificationResponse:
        current_principal().require(request.tenant_id)
        return await self._notifications.retry(request)
