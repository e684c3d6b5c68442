"""Turns exceptions into statuses; the table is in `server.errors`."""

import asyncio
import secrets
from typing import Any

import grpc
import structlog

from server.errors import Failure, InvalidFields, Told, Violation, tell, tell_unknown
from server.interceptors.chain import MALFORMED, Behaviour, Context, Method
from server.store_failures import failure_of

log = structlog.get_logger(__name__)


class Failures:
    """Answers a known failure with its status and details, an unknown one with INTERNAL."""

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Abort with the status that the exception stands for."""

        async def guarded(request: Any, context: Context) -> Any:
            try:
                if request is MALFORMED:
                    raise InvalidFields([Violation("request", "must be the method's message")])
                return await proceed(request, context)
            except grpc.aio.BaseError:  # aborted already, or the connection is gone
                raise
            except asyncio.CancelledError as error:
                # A cancelled request ends here. But a CancelledError that leaks out of something
                # awaited must become a status, or the client would wait for ever.
                if _is_cancelled():
                    raise
                told = tell_of(error, method.name)
            except Exception as error:
                told = tell_of(error, method.name)
            # Only an abort sends a status without headers, which clients may retry.
            return await context.abort(told.code, told.text, told.trailers)

        return guarded


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def tell_of(error: BaseException, method: str) -> Told:
    """What a client is told of an exception; one that nobody foresaw is logged."""
    failure = error if isinstance(error, Failure) else None
    if failure is None and isinstance(error, Exception):
        failure = failure_of(error)
    if failure is not None:
        return tell(failure)
    correlation_id = secrets.token_hex(8)
    log.error("request failed", method=method, correlation_id=correlation_id, exc_info=error)
    return tell_unknown(correlation_id)
