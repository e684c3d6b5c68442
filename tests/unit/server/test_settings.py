"""Settings come from the environment, are checked at start, and name what to change."""

import pytest

from server.settings import Settings, SettingsInvalid, load

KEY = "tg_root_" + "s" * 32


def test_defaults_are_usable() -> None:
    settings = load()
    assert settings.grpc_listen == "127.0.0.1:50051"
    assert settings.redis_url is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_WORKERS", "4")
    monkeypatch.setenv("TOLLGATE_REDIS_URL", "")
    settings = load()
    assert settings.workers == 4
    assert settings.redis_url is None


@pytest.mark.parametrize(
    "url", ["unix:///run/r", "redis+sentinel://a:1,b:2/main", "redis+cluster://a:1,b:2"]
)
def test_every_topology_can_be_set(url: str) -> None:
    assert load(redis_url=url).redis_url is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "many"),
        ("WORKERS", "0"),
        ("GRPC_LISTEN", "50051"),
        ("REDIS_URL", "http://h"),
        ("POSTGRES_DSN", "mysql://h"),
        ("BOOTSTRAP_ADMIN_KEY", "short"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_fault_names_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TOLLGATE_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"TOLLGATE_{name}"):
        load()


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_WORKERS", "many")
    monkeypatch.setenv("TOLLGATE_SHARDS", "none")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    "overrides",
    [
        {"min_start_s": 30, "low_water_s": 20},
        {"low_water_s": 90, "reserve_s": 60},
        {"default_deadline_ms": 9_000, "max_deadline_ms": 8_000},
        {"lease_ms": 1_500, "store_timeout_ms": 1_000},
        {"top_up_min_micros": 2_000_000, "top_up_max_micros": 1_999_999},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(overrides: dict[str, int]) -> None:
    with pytest.raises(SettingsInvalid, match="TOLLGATE_"):
        load(**overrides)


@pytest.mark.parametrize(
    ("given", "rest"),
    [
        ({"stripe_secret_key": "sk_test_1"}, ["STRIPE_WEBHOOK_SECRET"]),
        ({"stripe_webhook_secret": "whsec_1", "stripe_secret_key": ""}, ["STRIPE_SECRET_KEY"]),
        ({"robokassa_login": "shop"}, ["ROBOKASSA_PASSWORD1", "ROBOKASSA_PASSWORD2"]),
        ({"robokassa_login": "s", "robokassa_password2": "p"}, ["ROBOKASSA_PASSWORD1"]),
    ],
)
def test_half_of_a_provider_is_refused_and_the_rest_is_named(
    given: dict[str, str], rest: list[str]
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(**given)
    told = str(caught.value)
    assert [name for name in rest if f"TOLLGATE_{name}" in told] == rest
    assert "whsec_1" not in told


SENDER = {"smtp_from": "Tollgate <billing@example.com>"}


@pytest.mark.parametrize(
    "given",
    [
        {"smtp_url": "smtp://mail.example.com"},
        SENDER,
        SENDER | {"smtp_url": "http://mail.example.com"},
        SENDER | {"smtp_url": "smtp://"},
        SENDER | {"smtp_url": "smtp://user:hunter2@mail.example.com:none"},
        SENDER | {"smtp_url": "smtp://user:hunter2%0d%0a@mail.example.com"},
        {"smtp_url": "smtp://mail.example.com", "smtp_from": "not an address"},
        {"smtp_url": "smtp://mail.example.com", "smtp_from": "A\r\nBcc: x <a@example.com>"},
        {"telegram_bot_token": "hunter2"},
        {"telegram_bot_token": "123:hunter2/../x"},
    ],
)
def test_a_channel_that_cannot_work_is_refused_without_quoting_secrets(
    given: dict[str, str],
) -> None:
    with pytest.raises(SettingsInvalid, match="TOLLGATE_") as caught:
        load(**given)
    assert "hunter2" not in str(caught.value)


def test_mail_servers_and_senders_that_work_are_taken() -> None:
    for url in ("smtp://localhost:25", "smtps://user:p%40ss@mail.example.com", "smtp://[::1]:2525"):
        assert load(smtp_url=url, **SENDER).smtp_url is not None
    assert load(telegram_bot_token="123456:ABC-def_0").telegram_bot_token is not None


def test_a_secret_is_never_shown_nor_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(redis_url="redis://:hunter2@h", bootstrap_admin_key=KEY)
    assert "hunter2" not in repr(settings) + str(settings.shown())
    assert KEY not in repr(settings) + str(settings.shown())
    monkeypatch.setenv("TOLLGATE_REDIS_URL", "http://:hunter2@h")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert "hunter2" not in str(caught.value)


def test_another_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(redis_url="redis://h", bootstrap_admin_key=KEY, workers=2, reflection=False)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load() == settings


def test_every_setting_says_its_consequence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
