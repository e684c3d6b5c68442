"""The words of the contract that a gateway meets, with the numbers that the protos give them.

A word of a newer service reads as UNSPECIFIED.
"""

from enum import IntEnum


class Direction(IntEnum):
    """Who placed the call."""

    UNSPECIFIED = 0
    INBOUND = 1
    OUTBOUND = 2


class Outcome(IntEnum):
    """How a call ended."""

    UNSPECIFIED = 0
    COMPLETED = 1
    CUT = 2
    NO_ANSWER = 3
    BUSY = 4
    FAILED = 5
    INCOMPLETE = 6

    @classmethod
    def _missing_(cls, value: object) -> "Outcome":
        return cls.UNSPECIFIED


class Directive(IntEnum):
    """What a gateway must do now."""

    UNSPECIFIED = 0
    CONTINUE = 1
    WARN = 2
    FINISH = 3
    HANG_UP = 4
    REAUTHORIZE = 5
    REPORT_NOW = 6
    RECONNECT = 7

    @classmethod
    def _missing_(cls, value: object) -> "Directive":
        return cls.UNSPECIFIED


class Reason(IntEnum):
    """Why a call was refused."""

    UNSPECIFIED = 0
    UNKNOWN_TENANT = 1
    TENANT_SUSPENDED = 2
    UNKNOWN_MODEL = 3
    CALL_ALREADY_SETTLED = 4
    INSUFFICIENT_BALANCE = 5
    DAILY_CAP_REACHED = 6
    CALL_COST_LIMIT = 7
    TOO_MANY_CONCURRENT_CALLS = 8
    CALLER_LIMIT = 9
    RATE_LIMITED = 10

    @classmethod
    def _missing_(cls, value: object) -> "Reason":
        return cls.UNSPECIFIED


class Ending(IntEnum):
    """Why a call has to end, or that it has."""

    HANG_UP = 1  # the service said so
    LAST_GRANT_OVER = 2  # FINISH was told, and its seconds are over
    SERVICE_AWAY = 3  # nobody extended the grant in time
    LEFT = 4  # its block was left, or the client closed
