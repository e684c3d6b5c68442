"""API keys: secrets are shown once, hashed at rest, and revoked for good."""

import pytest

from ledger.api_key import StoredKey, parse_key
from ledger.errors import ApiKeyMalformed, ApiKeyUnknown, KeyReused, NotAllowed
from ledger.keys import ApiKeys
from ledger.pool import Pool

CHOSEN = "tg_bootstrap_aSecretThatTheOperatorChose1"


def opens(stored: StoredKey | None, text: str) -> bool:
    """Whether a key's text has the secret that is stored, and the key is valid."""
    assert stored is not None
    right = stored.secret_sha256 == parse_key(text).secret_sha256
    return right and stored.key.revoked_at is None


@pytest.fixture
def keys(pool: Pool) -> ApiKeys:
    return ApiKeys(pool)


async def test_a_created_key_opens_and_its_secret_is_not_kept(pool: Pool, keys: ApiKeys) -> None:
    key, text = await keys.create("r", "gateway 1", ["gateway"])
    assert text is not None
    assert opens(await keys.find(key.key_id), text)
    assert not opens(await keys.find(key.key_id), text + "x")
    dump = str(await pool.fetch("SELECT * FROM api_keys")) + str(
        await pool.fetch("SELECT * FROM requests")
    )
    assert parse_key(text).secret not in dump


async def test_a_repeated_creation_returns_the_key_without_its_secret(keys: ApiKeys) -> None:
    key, _ = await keys.create("r", "gateway 1", ["gateway"])
    assert await keys.create("r", "gateway 1", ["gateway"]) == (key, None)
    with pytest.raises(KeyReused):
        await keys.create("r", "gateway 1", ["admin"])


@pytest.mark.parametrize(("name", "scopes"), [("", ["admin"]), ("x" * 201, ["admin"]), ("x", [])])
async def test_a_key_needs_a_name_and_a_scope(keys: ApiKeys, name: str, scopes: list[str]) -> None:
    with pytest.raises(NotAllowed):
        await keys.create("r", name, scopes)


async def test_an_adopted_key_opens_and_may_be_adopted_again(keys: ApiKeys) -> None:
    key = await keys.adopt(CHOSEN, "operator", ["admin"])
    assert await keys.adopt(CHOSEN, "operator", ["admin"]) == key
    assert opens(await keys.find("bootstrap"), CHOSEN)
    for text, scopes in ((CHOSEN + "x", ["admin"]), (CHOSEN, ["gateway"])):
        with pytest.raises(KeyReused):
            await keys.adopt(text, "operator", scopes)
    with pytest.raises(ApiKeyMalformed):
        await keys.adopt("secret", "operator", ["admin"])


async def test_a_revoked_key_opens_nothing(keys: ApiKeys) -> None:
    key, text = await keys.create("r", "gateway 1", ["gateway"])
    assert text is not None
    revoked = await keys.revoke("s", key.key_id)
    assert revoked.revoked_at is not None
    assert await keys.revoke("s", key.key_id) == revoked
    assert await keys.revoke("t", key.key_id) == revoked
    assert not opens(await keys.find(key.key_id), text)
    assert await keys.list() == [revoked]
    with pytest.raises(KeyReused):
        await keys.revoke("s", "another")
    with pytest.raises(ApiKeyUnknown):
        await keys.revoke("u", "another")
    assert await keys.find("another") is None
