"""The parts of notifications, put together from the settings and the stores."""

from ledger.notifications.register import Notifications
from ledger.notifications.settings import NotificationSettings
from ledger.pool import Pool
from server.billing.pending_debits import PendingDebits
from server.notifications.desk import NotificationDesk
from server.notifications.settings import ChannelSettings


class Notifying:
    """The desk and the background work of notifications."""

    def __init__(self, settings: ChannelSettings, pool: Pool) -> None:
        self._settings, self._pool = settings, pool

    def desk(self, debits: PendingDebits) -> NotificationDesk:
        """What answers requests about notifications."""
        return NotificationDesk(
            NotificationSettings(self._pool), Notifications(self._pool), debits, self._settings
        )
