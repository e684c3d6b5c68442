"""The settings of the console, a part of the server's settings."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings

from server.payments.settings import Secret, blank_is_none

LEAST_SECRET = 32

OwnOrigin = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
Origin = Annotated[OwnOrigin | None, BeforeValidator(blank_is_none)]


class ConsoleSettings(BaseSettings):
    """Where the console is, and how long people stay signed in."""

    console_url: Origin = Field(
        None,
        description="Where browsers reach the console, such as https://pay.example.com: behind "
        "TLS its cookies are for TLS alone; unset: http:// and TOLLGATE_HTTP_LISTEN.",
    )
    console_secret: Secret = Field(
        None,
        description="What signs the console's cookies, at least 32 characters, the same for all "
        "servers of an installation; unset: one made and kept in TOLLGATE_STATE_DIR.",
    )
    console_idle_s: int = Field(
        7_200, ge=60, le=86_400, description="After so long without a page one signs in again."
    )
    console_session_s: int = Field(
        43_200, ge=60, le=2_592_000, description="After so long one signs in again in any case."
    )

    @model_validator(mode="after")
    def _secret_is_long(self) -> Self:
        secret = self.console_secret
        if secret is not None and len(secret.get_secret_value()) < LEAST_SECRET:
            raise ValueError(
                f"TOLLGATE_CONSOLE_SECRET must have at least {LEAST_SECRET} characters, "
                "for example from: openssl rand -hex 32"
            )
        return self


def origin_of(console_url: str | None, http_listen: str) -> str:
    """Where the console is, as scheme and host."""
    if console_url is not None:
        return console_url
    host, _, port = http_listen.rpartition(":")
    # Listening everywhere is no address that one could open.
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"
