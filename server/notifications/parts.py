"""The parts of notifications, put together from the settings and the stores."""

from ledger.documents.archive import Documents
from ledger.notifications.queue import NotificationQueue
from ledger.notifications.register import Notifications
from ledger.notifications.settings import NotificationSettings
from ledger.pool import Pool
from server.billing.pending_debits import PendingDebits
from server.calls.directory import TenantDirectory
from server.notifications.channels import Channels
from server.notifications.courier import Courier
from server.notifications.desk import NotificationDesk
from server.notifications.settings import ChannelSettings
from server.notifications.writer import Writer


class Notifying:
    """The desk and the background work of notifications."""

    def __init__(
        self,
        settings: ChannelSettings,
        pool: Pool,
        documents: Documents,
        directory: TenantDirectory,
    ) -> None:
        self._settings, self._pool = settings, pool
        self.queue = NotificationQueue(pool)
        self.channels = Channels(settings, Writer(documents, directory))
        self.courier = Courier(self.queue, self.channels)

    def desk(self, debits: PendingDebits) -> NotificationDesk:
        """What answers requests about notifications."""
        return NotificationDesk(
            NotificationSettings(self._pool), Notifications(self._pool), debits, self._settings
        )

    async def close(self) -> None:
        """Closes connections to receivers."""
        await self.channels.close()
