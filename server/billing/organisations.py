"""Organisations of tenants: created, read, changed, archived; one is chosen as the payer."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.organisations.organisation import Organisation
from ledger.organisations.register import Organisations
from ledger.organisations.requisites import FIELDS, Requisites, check, check_draft
from server.billing.form import Form
from server.billing.pending_debits import PendingDebits
from server.errors import InvalidFields, Violation
from server.paging import page_size, position, token
from tollgate.v1 import organisations_pb2 as pb

PATHS = (*FIELDS, "draft")


class OrganisationDesk:
    """Answers what is asked of organisations."""

    def __init__(self, organisations: Organisations, debits: PendingDebits) -> None:
        self._organisations, self._debits = organisations, debits

    async def create(self, request: pb.CreateOrganisationRequest) -> pb.CreateOrganisationResponse:
        """Adds an organisation."""
        asked = request.organisation
        requisites = Requisites(**{name: getattr(asked, name) for name in FIELDS})
        form = _mutation_or_check(request)
        for fault in check_draft(requisites) if asked.draft else check(requisites):
            form.wrong(f"organisation.{fault.field}", fault.must, fault.reason)
        form.done()
        if request.validate_only:
            await self._organisations.check_new(request.tenant_id, requisites, draft=asked.draft)
            return pb.CreateOrganisationResponse(organisation=_as_asked(asked))
        await self._debits.require_unused(request.tenant_id, request.request_id)
        created = await self._organisations.create(
            request.request_id, request.tenant_id, requisites, draft=asked.draft
        )
        return pb.CreateOrganisationResponse(organisation=shown(created))

    async def get(self, request: pb.GetOrganisationRequest) -> pb.GetOrganisationResponse:
        """Reads one organisation."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.id("organisation_id", request.organisation_id)
        form.done()
        found = await self._organisations.get(request.tenant_id, request.organisation_id)
        return pb.GetOrganisationResponse(organisation=shown(found))

    async def list(self, request: pb.ListOrganisationsRequest) -> pb.ListOrganisationsResponse:
        """A page of organisations, by creation."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        size = page_size(request.page_size)
        found = await self._organisations.list(
            request.tenant_id,
            size,
            row_after(request.page_token, 0),
            archived=request.show_archived,
        )
        return pb.ListOrganisationsResponse(
            organisations=[shown(organisation) for organisation in found],
            next_page_token=token(str(found[-1].n)) if len(found) == size else "",
        )

    async def update(self, request: pb.UpdateOrganisationRequest) -> pb.UpdateOrganisationResponse:
        """Changes what the mask names."""
        asked, paths = request.organisation, list(request.update_mask.paths)
        form = _mutation_or_check(request)
        form.id("organisation.organisation_id", asked.organisation_id)
        if not paths or not set(paths) <= set(PATHS):
            form.wrong("update_mask", "must name some of: " + ", ".join(PATHS))
        form.done()
        named = (request.tenant_id, asked.organisation_id)
        requisites = {name: getattr(asked, name) for name in FIELDS if name in paths}
        draft = asked.draft if "draft" in paths else None
        if request.validate_only:
            changed = await self._organisations.check_change(*named, requisites, draft=draft)
            return pb.UpdateOrganisationResponse(organisation=shown(changed))
        await self._debits.require_unused(request.tenant_id, request.request_id)
        changed = await self._organisations.update(
            request.request_id, *named, requisites, draft=draft
        )
        return pb.UpdateOrganisationResponse(organisation=shown(changed))

    async def archive(
        self, request: pb.ArchiveOrganisationRequest
    ) -> pb.ArchiveOrganisationResponse:
        """Takes an organisation out of use."""
        form = mutation(request.request_id, request.tenant_id)
        form.id("organisation_id", request.organisation_id)
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        archived = await self._organisations.archive(
            request.request_id, request.tenant_id, request.organisation_id
        )
        return pb.ArchiveOrganisationResponse(organisation=shown(archived))

    async def set_payer(self, request: pb.SetPayerRequest) -> pb.SetPayerResponse:
        """Chooses whom acts are made out to."""
        form = mutation(request.request_id, request.tenant_id)
        form.id("organisation_id", request.organisation_id)
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        chosen = await self._organisations.set_payer(
            request.request_id, request.tenant_id, request.organisation_id
        )
        return pb.SetPayerResponse(organisation=shown(chosen))


def mutation(request_id: str, tenant_id: str) -> Form:
    """The form of a request that changes something of a tenant."""
    form = Form()
    form.id("request_id", request_id)
    form.id("tenant_id", tenant_id)
    return form


def _mutation_or_check(
    request: pb.CreateOrganisationRequest | pb.UpdateOrganisationRequest,
) -> Form:
    """The form of a change; one that is only checked needs no name."""
    if not request.validate_only:
        return mutation(request.request_id, request.tenant_id)
    form = Form()
    form.id("tenant_id", request.tenant_id)
    return form


def _as_asked(asked: pb.Organisation) -> pb.Organisation:
    """What would be created, without what only creating gives."""
    fields = {name: getattr(asked, name) for name in FIELDS}
    return pb.Organisation(draft=asked.draft, **fields)


def row_after(page_token: str, start: int) -> int:
    """The row number that a page follows; `start` for the first page. Raises InvalidFields."""
    (text,) = position(page_token, 1) or (str(start),)
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        raise InvalidFields([Violation("page_token", "must be a next_page_token, unchanged")])
    return int(text)


def shown(organisation: Organisation) -> pb.Organisation:
    """The organisation as clients see it."""
    message = pb.Organisation(
        organisation_id=organisation.id,
        draft=organisation.draft,
        payer=organisation.payer,
        faults=[
            pb.RequisiteFault(field=fault.field, reason=fault.reason, description=fault.must)
            for fault in organisation.faults()
        ],
        **{name: getattr(organisation.requisites, name) for name in FIELDS},
    )
    stamp(message.created_at, organisation.created_at)
    if organisation.archived_at is not None:
        stamp(message.archived_at, organisation.archived_at)
    return message


def stamp(field: Timestamp, moment: datetime) -> None:
    """Fills in a time."""
    field.FromDatetime(moment)
