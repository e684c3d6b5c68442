"""What administrators do with a top-up: note that its money has come, or was paid back."""

from starlette.responses import Response

from server.console import typed
from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors, words_of
from server.console.pages.top_up.follow import find, page_of_one
from server.console.visit import Visit
from tollgate.v1 import payments_pb2 as pb


async def confirm(visit: Visit) -> Response:
    """Credits a top-up whose money has come."""
    request = pb.ConfirmTopUpRequest(
        request_id=text_of(visit.form, "request_id"),
        tenant_id=visit.tenant_id,
        top_up_id=visit.request.path_params["top_up_id"],
        note=text_of(visit.form, "note"),
    )
    return await _done(visit, "ConfirmTopUp", request, "confirm")


async def refund(visit: Visit) -> Response:
    """Notes what was paid back; an empty amount is all that is left."""
    amount = text_of(visit.form, "pay_amount_minor")
    read = typed.paid(amount, visit.words.language, (await find(visit)).pay_currency)
    problem = read.problem or ("AMOUNT_OUT_OF_RANGE" if read.value == 0 else "")
    if problem:
        problems = {"pay_amount_minor": visit.words(f"fields.{problem}")}
        return await page_of_one(visit, 422, form="refund", problems=problems)
    request = pb.RefundTopUpRequest(
        request_id=text_of(visit.form, "request_id"),
        tenant_id=visit.tenant_id,
        top_up_id=visit.request.path_params["top_up_id"],
        pay_amount_minor=read.value or 0,
        note=text_of(visit.form, "note"),
    )
    return await _done(visit, "RefundTopUp", request, "refund")


async def _done(visit: Visit, method: str, request: object, form: str) -> Response:
    try:
        await visit.ask(method, request)
    except Declined as declined:
        problems = field_errors(visit, declined)
        failure = "" if problems else words_of(visit, declined)
        status = 422 if problems else 409
        return await page_of_one(visit, status, form=form, problems=problems, failure=failure)
    top_up_id = visit.request.path_params["top_up_id"]
    return visit.see_other(visit.link("top-up", f"/{top_up_id}"))
