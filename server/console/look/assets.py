"""What pages link to: read once, compressed once, named by content so that browsers keep it."""

import gzip
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
KEEP = "public, max-age=31536000, immutable"
PLACE = "/console/static/"


class Asset(NamedTuple):
    """A file as it is sent."""

    kind: str
    plain: bytes
    packed: bytes
    version: str


class Assets:
    """The files of `server/console/static`."""

    def __init__(self) -> None:
        self._assets: Mapping[str, Asset] = {
            file.name: _asset(file.name, file.read_bytes())
            for file in files("server.console").joinpath("static").iterdir()
            if _ending(file.name) in KINDS
        }

    def url(self, name: str) -> str:
        """Where a file is; another address when its content changes. Raises KeyError."""
        return f"{PLACE}{name}?v={self._assets[name].version}"

    async def serve(self, request: Request) -> Response:
        """Sends a file."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        headers = {"Content-Type": asset.kind, "Cache-Control": KEEP, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"})
        return Response(asset.plain, headers=headers)


def _asset(name: str, content: bytes) -> Asset:
    packed = gzip.compress(content, 9, mtime=0)
    return Asset(KINDS[_ending(name)], content, packed, hashlib.sha256(content).hexdigest()[:12])


def _ending(name: str) -> str:
    return name[name.rfind(".") :]
