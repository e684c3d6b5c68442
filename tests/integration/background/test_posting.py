"""The outbox poster: every entry reaches the ledger once, wherever it is stopped."""

from quota.store import ShardReader
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import eventually


async def connected(reader: ShardReader) -> bool:
    """Whether the reader has asked Redis anything yet."""
    return reader._client is not None


async def test_a_poster_that_began_before_the_shard_posts_what_comes(install: Install) -> None:
    async with install(posts=False) as installation:
        posting = installation.beside(installation.parts.posters[0].run)
        await eventually(lambda: connected(installation.parts.outbox_readers[0]))
        await installation.tenant(balance=1_000_000)
        await Gateway(installation.admin).posted("c1", 10)
        assert not posting.done()
