"""What can go wrong with the live store.

QuotaError
├── StoreUnavailable   no answer: away, too slow, or its shard is being rebuilt; outcome unknown
└── StoreUnfit         the store must not be used as it is set up
"""


class QuotaError(Exception):
    """Any malfunction of the live store; refusals are values, not errors."""


class StoreUnavailable(QuotaError):
    """The store gave no answer; whether the operation took effect is unknown: repeat it."""


class StoreUnfit(QuotaError):
    """The store's settings would lose or change money; the text says what to set."""
