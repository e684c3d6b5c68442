"""Real stores as child processes: a Valkey and a Postgres for whoever configured none.

They run in the foreground, each in its own session, keep their data in a directory that survives
restarts, and are stopped properly. Nothing here is used when both stores are configured.
"""

from server.embedded.postgres import EmbeddedPostgres
from server.embedded.program import ProgramMissing
from server.embedded.store_process import StoreFailed
from server.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "ProgramMissing", "StoreFailed"]
