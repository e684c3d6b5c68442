"""Options that choose a part of the history."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import typer

from tollgate.v1 import history_pb2 as pb

Chosen = TypeVar("Chosen")

TYPES = {
    "top-up": pb.TRANSACTION_TYPE_TOP_UP,
    "calls": pb.TRANSACTION_TYPE_CALLS,
    "analytics": pb.TRANSACTION_TYPE_ANALYTICS,
    "adjustment": pb.TRANSACTION_TYPE_ADJUSTMENT,
    "refund": pb.TRANSACTION_TYPE_REFUND,
}
STATUSES = {
    "pending": pb.TRANSACTION_STATUS_PENDING,
    "succeeded": pb.TRANSACTION_STATUS_SUCCEEDED,
    "failed": pb.TRANSACTION_STATUS_FAILED,
    "refunded": pb.TRANSACTION_STATUS_REFUNDED,
    "disputed": pb.TRANSACTION_STATUS_DISPUTED,
}
LANGUAGES = {"en": pb.LANGUAGE_ENGLISH, "ru": pb.LANGUAGE_RUSSIAN}

FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help="Like 2026-03-01.")]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help="Like 2026-03-31, included.")]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help=f"Only these: {', '.join(TYPES)}."),
]

StatusOption = Annotated[
    list[str] | None,
    typer.Option("--status", metavar="STATUS", help=f"Only these: {', '.join(STATUSES)}."),
]


def types_of(names: list[str] | None) -> list[pb.TransactionType.ValueType]:
    """The types of the names. Raises typer.BadParameter."""
    return [_known(TYPES, name, "--type") for name in names or []]


def statuses_of(names: list[str] | None) -> list[pb.TransactionStatus.ValueType]:
    """The statuses of the names. Raises typer.BadParameter."""
    return [_known(STATUSES, name, "--status") for name in names or []]


def _known(choices: Mapping[str, Chosen], name: str, option: str) -> Chosen:
    if name not in choices:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(choices)}", param_hint=option)
    return choices[name]
