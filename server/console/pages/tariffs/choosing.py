"""Which version of which tariff a visit looks at."""

from collections.abc import Sequence
from typing import NamedTuple

from server.console.asking import Declined
from server.console.visit import Visit
from server.errors import NotFound, tell
from tollgate.v1 import billing_pb2 as pb


class Choice(NamedTuple):
    """The chosen version, the versions of its tariff, the newest first, and all names."""

    tariff: pb.Tariff
    versions: Sequence[pb.Tariff]
    names: Sequence[str]


async def chosen(visit: Visit) -> Choice:
    """What the address asks for: by default what the tenant's next call takes. Raises Declined."""
    assert visit.tenant is not None
    reply = await visit.ask("ListTariffs", pb.ListTariffsRequest())
    name = visit.query.get("tariff") or visit.tenant.tariff
    versions = [tariff for tariff in reply.tariffs if tariff.name == name][::-1]
    asked = visit.query.get("version", "")
    wanted = [tariff for tariff in versions if _is_wanted(tariff, asked)]
    if not wanted:
        raise Declined(tell(NotFound("UNKNOWN_TARIFF", "there is no such tariff")))
    return Choice(wanted[0], versions, sorted({tariff.name for tariff in reply.tariffs}))


def _is_wanted(tariff: pb.Tariff, asked: str) -> bool:
    return str(tariff.version) == asked if asked else tariff.in_force
