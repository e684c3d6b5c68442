"""What becomes of a call, as its course tells it."""

from dataclasses import dataclass

from tollgate_client.bill import Bill
from tollgate_client.errors import OperationFailed, Refused
from tollgate_client.words import Ending


@dataclass(frozen=True, slots=True)
class Started:
    """The call may start."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The call may not start."""

    refusal: Refused


@dataclass(frozen=True, slots=True)
class Warned:
    """The money runs short."""


@dataclass(frozen=True, slots=True)
class Finishing:
    """This is the last grant."""

    seconds_left: int


@dataclass(frozen=True, slots=True)
class Continuing:
    """There is money again: no warning and no last grant holds any more."""


@dataclass(frozen=True, slots=True)
class MustEnd:
    """The call has to end now."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Failed:
    """The service does not take what the call asks."""

    error: OperationFailed


@dataclass(frozen=True, slots=True)
class Posted:
    """The call is in the ledger."""

    bill: Bill


Notice = Started | Rejected | Warned | Finishing | Continuing | MustEnd | Failed | Posted
