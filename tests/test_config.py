"""Settings: the seed's names, and every refusal in one sentence that names its setting (S4, T9)."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.config import Environment, Settings
from app.kit.pace import Budget
from app.kit.scope import Mode

ROOT = Path(__file__).parent.parent
STRONG = "7b1f0c2d9e8a4f6b3c5d7e9f1a2b4c6d8e0f1a3b5c7d9e0f2a4b6c8d0e1f3a5b"
PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "secret_key": STRONG,
    "demo_account": False,
    "mongodb_url": "mongodb://db1,db2,db3/?replicaSet=rs0",
    "razorpay_key_id": "rzp_live_IEIaMR65cu6nz3",
    "razorpay_key_secret": "thisIsTheProcessorsSecret",
    "allowed_hosts": "pay.example.com",
    "cors_origins": "https://shop.example.com",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out: a test says all it sets."""
    for name in Settings.model_fields:
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def refusals(**values: Any) -> list[str]:
    """Return the sentences with which these settings are refused; none when they are taken."""
    try:
        settings(**values)
    except ValidationError as error:
        (found,) = error.errors()
        text = found["msg"].removeprefix("Value error, ")
        return re.split(r"(?<=\.) (?=[A-Z][A-Z_]+ )", text)
    return []


def test_the_defaults_run_on_a_laptop_with_the_simulator() -> None:
    default = settings()
    assert default.environment is Environment.DEVELOPMENT
    assert default.default_mode is Mode.TEST
    assert default.uses_simulator
    assert not default.is_production
    assert default.processor_url == "http://127.0.0.1:8090"
    assert settings(simulator_port=9999).processor_url == "http://127.0.0.1:9999"


def test_t9_a_careful_production_starts() -> None:
    production = settings(**PRODUCTION)
    assert production.is_production
    assert production.default_mode is Mode.LIVE
    assert not production.uses_simulator
    assert production.processor_url == "https://api.razorpay.com"


CARELESS: list[tuple[str, dict[str, Any]]] = [
    ("SECRET_KEY", {"secret_key": "your-secret-key"}),
    ("SECRET_KEY", {"secret_key": "CHANGEME"}),
    ("SECRET_KEY", {"secret_key": "a" * 200}),
    ("SECRET_KEY", {"secret_key": "development-only-secret-key-not-for-production"}),
    ("SECRET_KEY", {"secret_key": "short-but-odd-8Kx"}),
    ("SECRET_KEY", {"secret_key": ""}),
    ("SECRET_KEY_PREVIOUS", {"secret_key_previous": "secret"}),
    ("DEBUG", {"debug": True}),
    ("DEMO_ACCOUNT", {"demo_account": True}),
    ("MONGODB_URL", {"mongodb_url": "", "razorpay_key_id": "rzp_test_IEIaMR65cu6nz3"}),
    ("RAZORPAY_KEY_ID", {"razorpay_key_id": "rzp_test_simulator", "razorpay_key_secret": "simulator_secret"}),
    ("FAULT_POINT", {"fault_point": "payments.asked"}),
    ("CORS_ORIGINS", {"cors_origins": "*"}),
    ("CORS_ORIGINS", {"cors_origins": "https://shop.example.com, *"}),
    ("ALLOWED_HOSTS", {"allowed_hosts": "*"}),
]


@pytest.mark.parametrize(("name", "change"), CARELESS)
def test_s4_t9_production_refuses_a_careless_setting_in_one_sentence_with_its_name(
    name: str, change: dict[str, Any]
) -> None:
    said = refusals(**(PRODUCTION | change))
    assert len(said) == 1, said
    assert said[0].startswith(f"{name} ")
    assert said[0].endswith(".")


def test_t9_every_careless_setting_is_named_at_once() -> None:
    careless = {"environment": "production", "debug": True, "secret_key": "your-secret-key", "cors_origins": "*"}
    named = [sentence.partition(" ")[0] for sentence in refusals(**careless)]
    assert named == [
        "SECRET_KEY",
        "DEBUG",
        "DEMO_ACCOUNT",
        "MONGODB_URL",
        "RAZORPAY_KEY_ID",
        "CORS_ORIGINS",
        "ALLOWED_HOSTS",
    ]


@pytest.mark.parametrize("change", [change for _, change in CARELESS if change != {"secret_key": ""}])
def test_what_production_refuses_development_takes(change: dict[str, Any]) -> None:
    kept = {name: value for name, value in PRODUCTION.items() if name != "mongodb_url"}
    test_key = {"razorpay_key_id": "rzp_test_IEIaMR65cu6nz3"}
    assert refusals(**(kept | test_key | {"environment": "development"} | change)) == []


MIXED: list[tuple[str, dict[str, Any]]] = [
    ("RAZORPAY_KEY_ID", {"razorpay_key_id": "IEIaMR65cu6nz3", "razorpay_key_secret": "x"}),
    ("RAZORPAY_KEY_ID", {"razorpay_key_id": "", "razorpay_key_secret": "x"}),
    ("RAZORPAY_KEY_ID", {"razorpay_base_url": "https://api.razorpay.com"}),
    (
        "RAZORPAY_KEY_ID",
        {
            "razorpay_key_id": "rzp_live_a",
            "razorpay_key_secret": "x",
            "razorpay_base_url": "https://127.0.0.1:8090",
            "mongodb_url": "mongodb://db",
        },
    ),
    (
        "RAZORPAY_KEY_ID",
        {
            "razorpay_key_id": "rzp_live_a",
            "razorpay_key_secret": "x",
            "razorpay_base_url": "https://api.razorpay.com.example.com",
            "mongodb_url": "mongodb://db",
        },
    ),
    (
        "RAZORPAY_BASE_URL",
        {
            "razorpay_key_id": "rzp_live_a",
            "razorpay_key_secret": "x",
            "razorpay_base_url": "http://api.razorpay.com",
            "mongodb_url": "mongodb://db",
        },
    ),
    ("RAZORPAY_KEY_SECRET", {"razorpay_key_id": "rzp_test_a"}),
    ("RAZORPAY_KEY_SECRET", {"razorpay_key_id": "rzp_live_a", "mongodb_url": "mongodb://db"}),
    ("MONGODB_URL", {"razorpay_key_id": "rzp_live_a", "razorpay_key_secret": "x"}),
    ("MONGODB_URL", {"mongodb_url": "postgres://db"}),
]


@pytest.mark.parametrize(("name", "values"), MIXED)
def test_live_and_test_money_never_mix_in_any_environment(name: str, values: dict[str, Any]) -> None:
    said = refusals(**values)
    assert len(said) == 1, said
    assert said[0].startswith(f"{name} ")
    assert said[0].endswith(".")


def test_one_node_may_keep_live_money_when_somebody_says_so() -> None:
    accepted = settings(**(PRODUCTION | {"mongodb_url": "", "allow_embedded_database": True}))
    assert accepted.default_mode is Mode.LIVE


def test_a_test_key_may_be_pointed_at_the_simulator() -> None:
    pointed = settings(
        razorpay_key_id="rzp_test_mine", razorpay_key_secret="mine", razorpay_base_url="http://127.0.0.1:1234/"
    )
    assert pointed.processor_url == "http://127.0.0.1:1234"


def test_t6_a_refusal_and_a_representation_show_no_secret() -> None:
    canary = "canary-c4n4ry"
    secrets = ("secret_key", "razorpay_key_secret", "razorpay_webhook_secret", "metrics_token", "sentry_dsn")
    values = dict.fromkeys(secrets, canary)
    with pytest.raises(ValidationError) as refused:
        settings(**values, environment="production", port=70_000)
    assert canary not in str(refused.value)
    with pytest.raises(ValidationError) as refused_together:
        settings(**values, environment="production")
    assert canary not in str(refused_together.value)
    assert canary not in repr(settings(**values, mongodb_url=f"mongodb://user:{canary}@db"))


def test_the_variables_of_the_seed_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = {
        "MONGODB_URL": "mongodb://localhost:27017",
        "DATABASE_NAME": "payments",
        "SECRET_KEY": STRONG,
        "ALGORITHM": "HS512",
        "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
        "RAZORPAY_KEY_ID": "rzp_test_mine",
        "RAZORPAY_KEY_SECRET": "mine",
        "RAZORPAY_WEBHOOK_SECRET": "hook",
        "HOST": "127.0.0.1",
        "PORT": "8001",
        "DEBUG": "true",
        "ENVIRONMENT": "test",
        "ALLOWED_HOSTS": "a.example, b.example ,",
        "CORS_ORIGINS": "https://a.example",
    }
    for name, value in seed.items():
        monkeypatch.setenv(name, value)
    read = Settings(_env_file=None)
    assert (read.mongodb_url, read.database_name) == (seed["MONGODB_URL"], "payments")
    assert (read.secret_key.get_secret_value(), read.algorithm.value) == (STRONG, "HS512")
    assert (read.access_token_expire_minutes, read.host, read.port, read.debug) == (30, "127.0.0.1", 8001, True)
    assert (read.razorpay_key_id, read.razorpay_key_secret.get_secret_value()) == ("rzp_test_mine", "mine")
    assert read.razorpay_webhook_secret.get_secret_value() == "hook"
    assert read.allowed_hosts == ("a.example", "b.example")
    assert read.cors_origins == ("https://a.example",)


@pytest.mark.parametrize("url", ["amqp://a:b@c/", "amqps://c/v", "redis://c:6379/0", "rediss://:pw@c", ""])
def test_a_broker_is_rabbitmq_or_redis_or_none(url: str) -> None:
    assert settings(queue_url=url).queue_url.get_secret_value() == url


@pytest.mark.parametrize("url", ["http://a:hush@c", "redis://", "hush:6379", "amqp://:hush@c/", "redis:hush"])
def test_t9_another_address_for_redis_is_refused_without_repeating_it(url: str) -> None:
    (sentence,) = refusals(redis_url=url)
    assert sentence.startswith("REDIS_URL must be")
    assert "hush" not in sentence


@pytest.mark.parametrize("proxy", ["*", "nginx", "10.0.0.1/24", "0.0.0.0/0", "::/0", "10.0.0.256"])
def test_t9_a_proxy_is_an_address_or_a_network_and_never_everybody(proxy: str) -> None:
    (sentence,) = refusals(trusted_proxies=f"10.0.0.7, {proxy}")
    assert sentence.startswith(f"TRUSTED_PROXIES holds {proxy}: ")


def test_trusted_proxies_and_budgets_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().trusted_proxies == ()
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.7, 10.0.1.0/28,2001:db8::/32 ,")
    monkeypatch.setenv("RATE_LIMIT_READS", "600/m")
    read = Settings(_env_file=None)
    assert read.trusted_proxies == ("10.0.0.7", "10.0.1.0/28", "2001:db8::/32")
    assert read.rate_limit_reads == Budget(600, 60)


@pytest.mark.parametrize("budget", ["many", "0/s", "10", "100/d"])
def test_what_is_no_budget_is_refused_with_how_to_write_one(budget: str) -> None:
    with pytest.raises(ValidationError, match="is no budget; write requests/time"):
        settings(rate_limit_writes=budget)


@pytest.mark.parametrize("url", ["kafka://a:hush@c", "amqp://", "hush:5672", "http://:hush@c/", "amqp:hush"])
def test_t9_another_address_for_the_broker_is_refused_without_repeating_it(url: str) -> None:
    (sentence,) = refusals(queue_url=url)
    assert sentence.startswith("QUEUE_URL must be")
    assert "hush" not in sentence


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert Settings(_env_file=None).port == 8000


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        settings().debug = True


@pytest.fixture
def example() -> dict[str, str]:
    """Read `.env.example`: names, also commented-out ones, with the value after the sign."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$", text, flags=re.MULTILINE))


def test_every_setting_stands_in_the_example_file_and_nothing_else(example: dict[str, str]) -> None:
    assert set(example) == {name.upper() for name in Settings.model_fields}


def test_the_example_file_holds_no_setting_that_is_refused(example: dict[str, str], tmp_path: Path) -> None:
    written = tmp_path / "env"
    written.write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    assert Settings(_env_file=written).environment is Environment.DEVELOPMENT
