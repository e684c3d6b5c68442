"""The form of an organisation: what was typed, and what a service says of it."""

import secrets
from typing import Any, NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask
from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors
from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as pb

FIELDS = ("name", "inn", "kpp", "legal_address", "settlement_account", "bik", "email")
# People copy numbers with the spaces that they are printed with.
NUMBERS = frozenset({"inn", "kpp", "settlement_account", "bik"})
IN_REQUEST = "organisation."


class OrganisationForm(NamedTuple):
    """Values and problems by field; `id` is empty for a new one. `once` names the mutation, so
    that a form that is sent twice changes something once.
    """

    id: str
    values: dict[str, str]
    problems: dict[str, str]
    is_draft: bool
    once: str

    @classmethod
    def empty(cls) -> "OrganisationForm":
        """Of a new organisation."""
        return cls("", dict.fromkeys(FIELDS, ""), {}, False, secrets.token_urlsafe(16))

    @classmethod
    def of(cls, known: pb.Organisation, problems: dict[str, str]) -> "OrganisationForm":
        """Of one that exists."""
        values = {name: getattr(known, name) for name in FIELDS}
        return cls(known.organisation_id, values, problems, known.draft, secrets.token_urlsafe(16))

    @classmethod
    def sent(cls, visit: Visit) -> "OrganisationForm":
        """What the browser sent."""
        values = {name: _typed(name, text_of(visit.form, name)) for name in FIELDS}
        draft, once = text_of(visit.form, "as") == "draft", text_of(visit.form, "once")
        return cls(visit.request.path_params.get("organisation_id", ""), values, {}, draft, once)

    def organisation(self, draft: bool) -> pb.Organisation:
        """The organisation as a request names it."""
        fields: dict[str, Any] = dict(self.values)
        return pb.Organisation(organisation_id=self.id, draft=draft, **fields)

    def declined(self, visit: Visit, declined: Declined) -> "OrganisationForm":
        """With what a service found wrong. Raises it when that is not about a field."""
        if not declined.violations:
            raise declined
        errors = field_errors(visit, declined)
        problems = {name.removeprefix(IN_REQUEST): text for name, text in errors.items()}
        return self._replace(problems=problems)

    def while_typing(self) -> "OrganisationForm":
        """Without problems of fields that are still empty: nobody has come to them yet."""
        problems = {name: text for name, text in self.problems.items() if self.values.get(name)}
        return self._replace(problems=problems)

    @property
    def mask(self) -> FieldMask:
        """All fields: the form holds them all."""
        return FieldMask(paths=[*FIELDS, "draft"])


async def save(visit: Visit, form: OrganisationForm, *, validate_only: bool) -> None:
    """Creates or changes the organisation, or only has it checked. Raises Declined."""
    draft = form.is_draft and not validate_only
    fields: dict[str, Any] = {
        "request_id": "" if validate_only else form.once,
        "tenant_id": visit.tenant_id,
        "organisation": form.organisation(draft),
        "validate_only": validate_only,
    }
    if form.id:
        request = pb.UpdateOrganisationRequest(update_mask=form.mask, **fields)
        await visit.ask("UpdateOrganisation", request)
    else:
        await visit.ask("CreateOrganisation", pb.CreateOrganisationRequest(**fields))


def form_page(visit: Visit, form: OrganisationForm, status: int = 200) -> Response:
    """The page with the form."""
    return visit.page("organisations/edit.html", status, form=form, marks=False)


def _typed(name: str, text: str) -> str:
    return "".join(text.split()) if name in NUMBERS else text
