"""A new version of a tariff, as the same text that the command line takes."""

from collections.abc import Sequence

from starlette.responses import Response

from server.billing.tariff_text import tariff_of, text_of_tariff
from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.pages.tariffs.choosing import chosen
from server.console.request_ids import new_request_id
from server.console.visit import Visit
from server.errors import InvalidFields, PermissionDenied, Violation
from tollgate.v1 import billing_pb2 as pb


async def draft(visit: Visit) -> Response:
    """The form, with the version that was looked at to begin from."""
    _require_administrator(visit)
    return _form(visit, text_of_tariff((await chosen(visit)).tariff), new_request_id())


async def put(visit: Visit) -> Response:
    """Adds the version, or shows the text again with everything that is wrong in it."""
    _require_administrator(visit)
    text, request_id = text_of(visit.form, "text"), text_of(visit.form, "request_id")
    try:
        request = pb.PutTariffRequest(request_id=request_id, tariff=tariff_of(text))
        tariff = (await visit.ask("PutTariff", request)).tariff
    except InvalidFields as error:
        return _form(visit, text, request_id, error.violations)
    except Declined as declined:
        if not declined.violations:
            raise
        return _form(visit, text, new_request_id(), declined.violations)
    return visit.see_other(
        visit.link("tariffs", tariff=tariff.name, version=tariff.version, saved="1")
    )


def _require_administrator(visit: Visit) -> None:
    if not (visit.may("PutTariff") and visit.is_administrator):
        raise PermissionDenied


def _form(visit: Visit, text: str, request_id: str, wrong: Sequence[Violation] = ()) -> Response:
    status = 422 if wrong else 200
    return visit.page("tariffs/new.html", status, text=text, request_id=request_id, wrong=wrong)
