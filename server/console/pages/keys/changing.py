"""A key made, and a key revoked."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors
from server.console.pages.keys.show import Draft, page
from server.console.visit import Visit
from server.fields import is_id
from tollgate.v1 import billing_pb2 as pb

FIELDS = ("name", "role", "tenant_id", "numbers")


async def create(visit: Visit) -> Response:
    """Makes the key and shows its secret, once; or shows the form again with what is wrong."""
    typed = {name: text_of(visit.form, name) for name in FIELDS}
    tenant_id, role = typed["tenant_id"], typed["role"]
    if (tenant_id and not is_id(tenant_id)) or (role == "tenant" and not tenant_id):
        reason = "fields.INVALID_ID" if tenant_id else "keys.tenant_needed"
        return await page(visit, Draft(typed, {"tenant_id": visit.words(reason)}))
    request = pb.CreateApiKeyRequest(
        request_id=text_of(visit.form, "request_id"), name=typed["name"], scopes=_scopes(typed)
    )
    try:
        made = await visit.ask("CreateApiKey", request)
    except Declined as declined:
        problems = field_errors(visit, declined)
        if not problems:
            raise
        return await page(visit, Draft(typed, problems))
    return await page(visit, made=made)


async def revoke(visit: Visit) -> Response:
    """Revokes a key; who is signed in by it is out within seconds."""
    key_id: str = visit.request.path_params["key_id"]
    request = pb.RevokeApiKeyRequest(request_id=text_of(visit.form, "request_id"), key_id=key_id)
    await visit.ask("RevokeApiKey", request)
    return visit.see_other(visit.link("keys"))


def _scopes(typed: Mapping[str, str]) -> Sequence[str]:
    scopes = [] if typed["role"] == "tenant" else [typed["role"]]
    if typed["tenant_id"]:
        scopes.append(f"tenant:{typed['tenant_id']}")
    if typed["numbers"] and typed["role"] == "tenant":
        scopes.append("numbers")
    return scopes
