"""API keys: created with a secret that is shown once, listed without it, revoked."""

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.api_key import ApiKey
from ledger.keys import ApiKeys
from server.billing.form import MAX_SCOPES, Form
from server.fields import is_id
from server.interceptors.principal import ADMIN, GATEWAY, NUMBERS
from tollgate.v1 import billing_pb2 as pb


class KeyDesk:
    """Answers what administrators ask of keys."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def create(self, request: pb.CreateApiKeyRequest) -> pb.CreateApiKeyResponse:
        """Creates a key; a repeat shows it without its secret."""
        form = Form()
        form.id("request_id", request.request_id)
        form.text("name", request.name)
        if not 1 <= len(request.scopes) <= MAX_SCOPES:
            form.wrong("scopes", f"must be 1 to {MAX_SCOPES}")
        elif not all(_is_scope(scope) for scope in request.scopes):
            form.wrong("scopes", "must each be gateway, admin, tenant:<id> or numbers")
        form.done()
        key, secret = await self._keys.create(
            request.request_id, request.name, sorted(set(request.scopes))
        )
        return pb.CreateApiKeyResponse(key=shown(key), api_key=secret or "")

    async def list(self, request: pb.ListApiKeysRequest) -> pb.ListApiKeysResponse:
        """All keys, by creation."""
        return pb.ListApiKeysResponse(keys=[shown(key) for key in await self._keys.list()])

    async def revoke(self, request: pb.RevokeApiKeyRequest) -> pb.RevokeApiKeyResponse:
        """Revokes a key; every process refuses it within 30 seconds."""
        form = Form()
        form.id("request_id", request.request_id)
        form.id("key_id", request.key_id)
        form.done()
        key = await self._keys.revoke(request.request_id, request.key_id)
        return pb.RevokeApiKeyResponse(key=shown(key))


def _is_scope(scope: str) -> bool:
    role, _, tenant_id = scope.partition(":")
    return scope in (ADMIN, GATEWAY, NUMBERS) or (role == "tenant" and is_id(tenant_id) is not None)


def shown(key: ApiKey) -> pb.ApiKey:
    """The key as clients see it."""
    message = pb.ApiKey(key_id=key.key_id, name=key.name, scopes=key.scopes)
    for field, moment in (
        (message.created_at, key.created_at),
        (message.revoked_at, key.revoked_at),
    ):
        if moment is not None:
            stamp = Timestamp()
            stamp.FromDatetime(moment)
            field.CopyFrom(stamp)
    return message
