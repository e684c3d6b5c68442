"""The command line's connection to a server: where it is, the key, and one question at a time."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import grpc
import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from server.cli.problems import Problem, problem_of
from server.preparing import admin_key_path
from tollgate.v1.billing_pb2_grpc import BillingServiceStub
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub

DEFAULT_SERVER = "127.0.0.1:50051"
DEADLINE_S = 10.0

Reply = TypeVar("Reply")

ServerOption = Annotated[
    str, typer.Option("--server", envvar="TOLLGATE_SERVER", help="Where Tollgate listens.")
]


class ClientSettings(BaseSettings):
    """What the commands that talk to a server take from the environment."""

    model_config = SettingsConfigDict(env_prefix="TOLLGATE_", extra="ignore")

    api_key: SecretStr | None = None
    state_dir: Path = Path("~/.local/state/tollgate")


class Connection:
    """Asks a server, as a block. A failed question raises Problem, which says what to do."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.key = find_key()
        self._channel = grpc.insecure_channel(server)
        self.billing = BillingServiceStub(self._channel)
        self.calls = CallAuthorizationServiceStub(self._channel)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def ask(self, question: Callable[..., Reply], request: Any) -> Reply:
        """The answer to a question of `billing` or `calls`. Raises Problem."""
        metadata = (("authorization", f"Bearer {self.key}"),)
        try:
            return question(request, metadata=metadata, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            raise problem_of(error, self.server) from None


def find_key() -> str:
    """The key from TOLLGATE_API_KEY, or the one a server keeps in the state directory."""
    settings = ClientSettings()
    if settings.api_key is not None and settings.api_key.get_secret_value().strip():
        return settings.api_key.get_secret_value().strip()
    path = admin_key_path(settings.state_dir)
    with suppress(FileNotFoundError):
        try:
            return path.read_text().strip()
        except PermissionError:
            raise Problem(f"{path} is not readable for you: set TOLLGATE_API_KEY") from None
    raise Problem(
        f"There is no API key: set TOLLGATE_API_KEY, or set TOLLGATE_STATE_DIR to the server's "
        f"state directory, which holds its admin.key (there is none in {path.parent})."
    )
