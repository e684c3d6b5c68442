"""The settings: the only reader of the environment, validated at start, printed without secrets."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from ledger.documents.seller import Seller
from quota.timing import Timing
from server.console.settings import ConsoleSettings, origin_of
from server.documents.selling import wrong_settings
from server.notifications.settings import ChannelSettings
from server.payments.settings import PaymentSettings, Secret, blank_is_none

PREFIX = "TOLLGATE_"
# The exit status when only a change of the settings helps.
EXIT_MISCONFIGURED = 78
REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "redis+cluster://")
KEY_FORM = r"^tg_[A-Za-z0-9]{1,32}_[A-Za-z0-9]{20,128}$"


class Misconfigured(Exception):
    """Something outside of the settings is missing that they ask for; the message names the fix."""


class SettingsInvalid(Misconfigured):
    """The environment holds a setting that cannot be used; the message names each and its fix."""


Listen = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]
Place = Annotated[Path | None, BeforeValidator(blank_is_none)]


class Settings(ConsoleSettings, PaymentSettings, ChannelSettings):
    """Every setting, as TOLLGATE_<NAME>. Durations and amounts carry their unit in the name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    grpc_listen: Listen = Field(
        "127.0.0.1:50051", description="Where gateways connect; port 0 takes a free one."
    )
    http_listen: Listen = Field(
        "127.0.0.1:8080",
        description="Where metrics, health and the console are; port 0: a free one.",
    )
    redis_url: Secret = Field(
        None,
        description="The live store, Redis or Valkey 7 or newer: redis://, rediss://, unix://, "
        "redis+sentinel://host:port,…/service or redis+cluster://host:port,…; "
        "unset starts an embedded one.",
    )
    postgres_dsn: Secret = Field(
        None, description="The ledger, Postgres 15 or newer; unset starts an embedded one."
    )
    valkey_server: Place = Field(
        None, description="The program for the embedded live store; unset looks for one."
    )
    postgres_bin: Place = Field(
        None, description="The directory of the embedded ledger's programs; unset looks for one."
    )
    state_dir: Path = Field(
        Path("~/.local/state/tollgate"),
        description="Where embedded stores keep their data; one server at a time uses it.",
    )
    workers: int = Field(
        1, ge=1, le=64, description="Processes that share the gRPC port; about one per core."
    )
    commit: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._+-]{0,64}$",
        description="The commit that the server was built from; shown in the console's state.",
    )
    shards: int = Field(
        1, ge=1, le=1024, description="Shards of the live store; fixed at the first start."
    )
    reflection: bool = Field(
        True, description="Whether clients may list the services without their protos."
    )
    bootstrap_admin_key: Secret = Field(
        None,
        description="An admin key, tg_<id>_<secret>, that works without the ledger; "
        "for the first keys, and for tests.",
    )
    lease_ms: int = Field(
        60_000,
        ge=1_000,
        le=3_600_000,
        description="How long a call may be silent; longer holds money of dead calls longer.",
    )
    grace_ms: int = Field(
        15_000,
        ge=0,
        le=600_000,
        description="How long after its lease a silent call keeps its reservation.",
    )
    reserve_s: int = Field(
        60, ge=1, le=3_600, description="How many seconds a call reserves; longer asks less often."
    )
    low_water_s: int = Field(
        20, ge=1, le=3_600, description="Below how many seconds left a reservation is extended."
    )
    min_start_s: int = Field(
        10, ge=0, le=3_600, description="A call for which fewer seconds fit is refused."
    )
    late_window_s: int = Field(
        3_600,
        ge=1,
        le=86_400,
        description="How long an expired call waits for its gateway before it is closed.",
    )
    settled_retention_s: int = Field(
        600,
        ge=1,
        le=86_400,
        description="How long a posted call stays in the live store to answer repeats.",
    )
    max_outbox: int = Field(
        1_000_000,
        ge=1,
        description="Settlements that may wait for the ledger, per shard; above it no call starts.",
    )
    repair_limit_micros: int = Field(
        1_000_000,
        ge=0,
        le=10**12,
        description="The largest difference that an audit repairs without an operator.",
    )
    store_timeout_ms: int = Field(
        1_000, ge=10, le=60_000, description="How long one question to a store may take."
    )
    default_deadline_ms: int = Field(
        5_000, ge=10, le=600_000, description="The time a unary call gets when its client set none."
    )
    max_deadline_ms: int = Field(
        60_000, ge=10, le=600_000, description="The most time a unary call gets, whatever it asks."
    )
    max_in_flight: int = Field(
        2_000,
        ge=10,
        description="Unary calls that one process works on; above four fifths no new call starts.",
    )
    drain_s: float = Field(
        10, ge=0, le=600, description="How long running requests may finish after SIGTERM."
    )
    seller_name: str = Field("", description="Who sells, as documents name it; they need it.")
    seller_inn: str = Field("", description="The seller's INN; documents are numbered under it.")
    seller_kpp: str = Field("", description="The seller's KPP; empty with an INN of 12 digits.")
    seller_address: str = Field("", description="The seller's legal address, for documents.")
    seller_account: str = Field("", description="The account that invoices ask to pay to.")
    seller_bik: str = Field("", description="The BIK of the bank of that account.")
    seller_bank: str = Field("", description="The name and city of that bank.")
    seller_correspondent_account: str = Field(
        "", description="That bank's own account with the Bank of Russia."
    )
    vat_percent: Annotated[int | None, BeforeValidator(blank_is_none)] = Field(
        None, ge=1, le=99, description="The VAT that prices include; unset: documents say none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe level that is written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="JSON lines, or text for people; auto: text on a terminal."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.min_start_s <= self.low_water_s <= self.reserve_s:
            raise ValueError(
                "TOLLGATE_MIN_START_S <= TOLLGATE_LOW_WATER_S <= TOLLGATE_RESERVE_S must hold: "
                "what a call needs to start, when it is topped up, what it gets"
            )
        if self.top_up_min_micros > self.top_up_max_micros:
            raise ValueError(
                "TOLLGATE_TOP_UP_MIN_MICROS must not exceed TOLLGATE_TOP_UP_MAX_MICROS"
            )
        if self.default_deadline_ms > self.max_deadline_ms:
            raise ValueError(
                "TOLLGATE_DEFAULT_DEADLINE_MS must not exceed TOLLGATE_MAX_DEADLINE_MS"
            )
        if self.lease_ms < 2 * self.store_timeout_ms:
            raise ValueError(
                "TOLLGATE_LEASE_MS must be at least twice TOLLGATE_STORE_TIMEOUT_MS, "
                "or a slow store expires running calls"
            )
        return self

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        _starts_with(self.redis_url, "TOLLGATE_REDIS_URL", *REDIS_SCHEMES)
        _starts_with(self.postgres_dsn, "TOLLGATE_POSTGRES_DSN", "postgresql://", "postgres://")
        key = self.bootstrap_admin_key
        if key is not None and not re.fullmatch(KEY_FORM, key.get_secret_value()):
            raise ValueError(
                "TOLLGATE_BOOTSTRAP_ADMIN_KEY must look like tg_<id>_<secret>, "
                "with at least 20 letters and digits as the secret"
            )
        return self

    @model_validator(mode="after")
    def _seller_is_sound(self) -> Self:
        wrong = wrong_settings(self.seller())
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def seller(self) -> Seller:
        """Who documents come from; fields are empty where nothing is set."""
        return Seller(**{name: getattr(self, f"seller_{name}") for name in Seller.__slots__})

    def console_origin(self) -> str:
        """Where browsers reach the console, as scheme and host."""
        return origin_of(self.console_url, self.http_listen)

    def timing(self) -> Timing:
        """What every batch for the live store carries."""
        return Timing(
            lease_ms=self.lease_ms,
            grace_ms=self.grace_ms,
            late_window_ms=self.late_window_s * 1000,
            retention_ms=self.settled_retention_s * 1000,
            reserve_ms=self.reserve_s * 1000,
            low_water_ms=self.low_water_s * 1000,
            min_start_ms=self.min_start_s * 1000,
            max_outbox=self.max_outbox,
        )

    def shown(self) -> dict[str, str]:
        """Every setting as variable and value, secrets hidden."""
        return {
            PREFIX + name.upper(): "" if value is None else str(value)
            for name, value in self.model_dump().items()
        }

    def environment(self) -> dict[str, str]:
        """The variables that give another process these settings, secrets readable."""
        dumped = self.model_dump(exclude_none=True)
        return {PREFIX + name.upper(): _plain(value) for name, value in dumped.items()}


def load(**overrides: Any) -> Settings:
    """The settings from the environment. Raises SettingsInvalid with one line per fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_fault(fault) for fault in error.errors(include_input=False, include_url=False)]
        raise SettingsInvalid("\n".join(lines)) from None


def _fault(fault: Any) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return str(message)
    name = str(fault["loc"][0])
    field = Settings.model_fields.get(name)
    hint = f" ({field.description} Default: {field.default})" if field is not None else ""
    return f"{PREFIX}{name.upper()}: {message}{hint}"


def _starts_with(value: SecretStr | None, variable: str, *schemes: str) -> None:
    if value is not None and not value.get_secret_value().startswith(schemes):
        raise ValueError(f"{variable} must start with one of {', '.join(schemes)}")


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
