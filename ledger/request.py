"""Repeats of mutations: the first result is kept under its request id and answered again."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ledger.errors import KeyReused
from ledger.pool import Connection
from ledger.sql import statements

SQL = statements("requests")

INSTALLATION = ""


class Request(NamedTuple):
    """Names a mutation; `scope` is the tenant that it is for, or INSTALLATION."""

    scope: str
    request_id: str
    digest: bytes


def content_digest(operation: str, *content: object) -> bytes:
    """What two repeats must have in common."""
    text = json.dumps([operation, *content], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()


async def once(
    connection: Connection, request: Request, work: Callable[[], Awaitable[dict[str, Any]]]
) -> tuple[dict[str, Any], bool]:
    """Does `work` unless the request was done before; returns the first response, and whether
    this was the first time. Raises KeyReused when the content differs.

    A repeat at the same time waits here for the first to commit, and does the work itself when
    that one fails.
    """
    if await connection.fetchval(SQL["claim"], *request) is None:
        first = await connection.fetchrow(SQL["find"], request.scope, request.request_id)
        if first is None or first["digest"] != request.digest:
            raise KeyReused("the request id was used before with other content")
        return dict(first["response"]), False
    response = await work()
    await connection.execute(SQL["answer"], request.scope, request.request_id, response)
    return response, True
