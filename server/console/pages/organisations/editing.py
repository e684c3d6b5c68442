"""Adding and changing an organisation, checked by the services while it is typed."""

from starlette.responses import Response

from server.console.asking import Declined
from server.console.pages.organisations.form import OrganisationForm, form_page, save
from server.console.pages.organisations.words import faults_in_words
from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as pb


async def new(visit: Visit) -> Response:
    """The empty form."""
    return form_page(visit, OrganisationForm.empty())


async def edit(visit: Visit) -> Response:
    """The form of one that exists; of a draft with what it lacks."""
    request = pb.GetOrganisationRequest(
        tenant_id=visit.tenant_id, organisation_id=visit.request.path_params["organisation_id"]
    )
    known = (await visit.ask("GetOrganisation", request)).organisation
    return form_page(visit, OrganisationForm.of(known, faults_in_words(visit, known)))


async def create(visit: Visit) -> Response:
    """Adds it, or shows what is wrong."""
    return await _save(visit)


async def update(visit: Visit) -> Response:
    """Changes it, or shows what is wrong."""
    return await _save(visit)


async def check_new(visit: Visit) -> Response:
    """The fields with what is wrong so far."""
    return await _check(visit)


async def check_changed(visit: Visit) -> Response:
    """The same of one that exists."""
    return await _check(visit)


async def _save(visit: Visit) -> Response:
    form = OrganisationForm.sent(visit)
    try:
        await save(visit, form, validate_only=False)
    except Declined as declined:
        return form_page(visit, form.declined(visit, declined), 422)
    return visit.see_other(visit.link("organisations"))


async def _check(visit: Visit) -> Response:
    form = OrganisationForm.sent(visit)
    try:
        await save(visit, form, validate_only=True)
    except Declined as declined:
        form = form.declined(visit, declined).while_typing()
    return visit.page("organisations/fields.html", form=form, marks=True)
