"""Files: streamed to the browser as a service gives them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from server.console.live import StreamedResponse

CSV = "text/csv; charset=utf-8"


async def download(pieces: AsyncGenerator[Any, None], name: str, kind: str = CSV) -> Response:
    """A file of messages with a `chunk` each. What fails before the first is told by a page:
    raises Declined.
    """
    first = await anext(pieces, None)

    async def content() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            if first is not None:
                yield first.chunk
            async for piece in pieces:
                yield piece.chunk

    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return StreamedResponse(content(), media_type=kind, headers=headers)
