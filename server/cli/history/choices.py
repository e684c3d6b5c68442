"""Options that choose a part of the history."""

from typing import Annotated

import typer

from tollgate.v1 import history_pb2 as pb

TYPES = {
    "top-up": pb.TRANSACTION_TYPE_TOP_UP,
    "calls": pb.TRANSACTION_TYPE_CALLS,
    "analytics": pb.TRANSACTION_TYPE_ANALYTICS,
    "adjustment": pb.TRANSACTION_TYPE_ADJUSTMENT,
    "refund": pb.TRANSACTION_TYPE_REFUND,
}
LANGUAGES = {"en": pb.LANGUAGE_ENGLISH, "ru": pb.LANGUAGE_RUSSIAN}

FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help="Like 2026-03-01.")]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help="Like 2026-03-31, included.")]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help=f"Only these: {', '.join(TYPES)}."),
]


def types_of(names: list[str] | None) -> list[pb.TransactionType.ValueType]:
    """The types of the names. Raises typer.BadParameter."""
    for name in names or []:
        if name not in TYPES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(TYPES)}", param_hint="--type")
    return [TYPES[name] for name in names or []]
