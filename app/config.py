"""Settings from the environment, and the refusals that keep a careless setting out of production.

The seed's variables keep their names. Every setting stands in `.env.example` with its default and one line.
"""

import math
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.kit.carriers import MailServer, SmsService
from app.kit.contacts import plain_email
from app.kit.pace import Budget
from app.kit.scope import Mode

SIMULATOR_KEY_ID = "rzp_test_simulator"
SIMULATOR_KEY_SECRET = "simulator_secret"  # noqa: S105  the simulator's own, printed in its help
PROCESSOR_URL = "https://api.razorpay.com"
_DEVELOPMENT_SECRET = "development-only-secret-key-not-for-production"  # noqa: S105  refused in production
_SAMPLE_SECRETS = frozenset({"your-secret-key", "your-secret", "secret", "changeme", _DEVELOPMENT_SECRET})
_LEAST_SECRET_BITS = 128
SMS_KINDS = frozenset({"receipt", "refund", "link"})
"""The sorts of short messages, each with a text that India's operators want registered."""

_SECRETS_DIR = Path("/run/secrets")
_SHARED_SCHEMES = frozenset({"redis", "rediss"})
_QUEUE_SCHEMES = frozenset({"amqp", "amqps", "redis", "rediss"})


def _budget(value: object) -> object:
    return Budget.of(value) if isinstance(value, str) else value


_Budget = Annotated[Budget, NoDecode, BeforeValidator(_budget)]


class Environment(StrEnum):
    """Where the service runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class PasswordScheme(StrEnum):
    """How new passwords are hashed; every known scheme still verifies."""

    BCRYPT = "bcrypt"
    ARGON2ID = "argon2id"


class TokenAlgorithm(StrEnum):
    """JWS algorithms that an access token may carry; one deployment uses exactly one."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"


class ReportsFrom(StrEnum):
    """Which members of the replica set answer reports; whatever decides about money is read from the primary."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


class Settings(BaseSettings):
    """All settings, typed.

    Raises:
        pydantic.ValidationError: a value is wrong or a combination is refused; each message names the setting.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        # Containers get secrets as files: the file `secret_key` sets SECRET_KEY. The environment goes before them.
        secrets_dir=_SECRETS_DIR if _SECRETS_DIR.is_dir() else None,
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    # Where and how
    environment: Environment = Environment.DEVELOPMENT
    debug: bool = False
    host: str = "0.0.0.0"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    public_url: str = ""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("*",)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    docs_enabled: bool = True
    log_level: str = "INFO"
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    # How much is taken on
    max_concurrent_requests: Annotated[int, Field(ge=1, le=100_000)] = 512
    max_waiting_requests: Annotated[int, Field(ge=0, le=100_000)] = 1024
    max_wait_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    rate_limits_enabled: bool = True
    rate_limit_reads: _Budget = Budget(2000, 2)
    rate_limit_writes: _Budget = Budget(1000, 2)
    rate_limit_sign_in: _Budget = Budget(120, 60)
    rate_limit_anonymous: _Budget = Budget(3000, 60)
    rate_limit_refusals: _Budget = Budget(600, 60)
    rate_limit_events: _Budget = Budget(5000, 2)
    redis_url: SecretStr = SecretStr("")

    # Database
    mongodb_url: Annotated[str, Field(repr=False)] = ""  # it may hold a password
    database_wait_seconds: Annotated[float, Field(ge=0, le=600)] = 30.0
    database_name: str = "Payment-Gateway"
    reports_from: ReportsFrom = ReportsFrom.PRIMARY
    mongod_path: str = ""
    data_dir: Path = Path(".data")
    allow_embedded_database: bool = False

    # Authentication
    secret_key: SecretStr = SecretStr(_DEVELOPMENT_SECRET)
    secret_key_previous: SecretStr = SecretStr("")
    algorithm: TokenAlgorithm = TokenAlgorithm.HS256
    access_token_expire_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    refresh_token_expire_days: Annotated[int, Field(ge=1, le=365)] = 30
    password_scheme: PasswordScheme = PasswordScheme.BCRYPT
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
    password_hash_workers: Annotated[int, Field(ge=1, le=16)] = 2
    signup_enabled: bool = True
    demo_account: bool = True

    # Processor
    razorpay_key_id: str = SIMULATOR_KEY_ID
    razorpay_key_secret: SecretStr = SecretStr(SIMULATOR_KEY_SECRET)
    razorpay_webhook_secret: SecretStr = SecretStr("")
    razorpay_merchant_id: str = ""
    razorpay_base_url: str = ""
    simulator_port: Annotated[int, Field(ge=0, le=65535)] = 8090
    razorpay_connect_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    razorpay_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    razorpay_max_connections: Annotated[int, Field(ge=1, le=10_000)] = 512

    # Payments and events
    payment_expiry_minutes: Annotated[int, Field(ge=15, le=60 * 24 * 30)] = 60 * 24
    max_body_bytes: Annotated[int, Field(ge=1024, le=10 * 1024 * 1024)] = 64 * 1024
    max_webhook_bytes: Annotated[int, Field(ge=1024, le=10 * 1024 * 1024)] = 1024 * 1024
    worker_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.1
    webhooks_to_private: bool = False
    queue_url: SecretStr = SecretStr("")

    # Mail and short messages
    mail_url: SecretStr = SecretStr("")
    mail_from: str = ""
    sms_url: SecretStr = SecretStr("")
    sms_a_day: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    postbox_port: Annotated[int, Field(ge=0, le=65535)] = 8025

    # Sight
    metrics_token: SecretStr = SecretStr("")
    worker_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    sentry_dsn: SecretStr = SecretStr("")
    otel_exporter_otlp_endpoint: str = ""

    # Proof
    fault_point: str = ""

    @model_validator(mode="before")
    @classmethod
    def split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        """Read comma-separated lists, as people write them in the environment."""
        for name in ("allowed_hosts", "cors_origins", "trusted_proxies"):
            if isinstance(text := values.get(name), str):
                values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def refuse_what_cannot_work(self) -> Self:
        """Refuse combinations that would mix money or weaken production, each in one sentence with its setting."""
        problems = [*self._processor_problems(), *self._secret_problems(), *self._server_problems()]
        problems += self._carrier_problems()
        if self.environment is Environment.PRODUCTION:
            problems += self._production_problems()
        if problems:
            raise ValueError(" ".join(problems))
        return self

    @property
    def webhooks_may_be_private(self) -> bool:
        """Tell whether events may be sent to hosts of our own network: when asked for, and on a laptop."""
        return self.webhooks_to_private or self.environment is Environment.DEVELOPMENT

    @property
    def mongodb_address(self) -> str:
        """Return where the database is; without a setting, where a replica set of this machine usually is."""
        return self.mongodb_url or "mongodb://127.0.0.1:27017/?replicaSet=rs0"

    @property
    def is_production(self) -> bool:
        """Tell whether careless defaults are refused."""
        return self.environment is Environment.PRODUCTION

    @property
    def public_address(self) -> str:
        """Return the address that clients use: as set, else this machine's own."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def effective_log_level(self) -> str:
        """Return the level to log at: everything while debugging."""
        return "DEBUG" if self.debug else self.log_level

    @property
    def default_mode(self) -> Mode:
        """Return the mode of the deployment's own processor key."""
        return Mode.LIVE if self.razorpay_key_id.startswith("rzp_live_") else Mode.TEST

    @property
    def uses_simulator(self) -> bool:
        """Tell whether the deployment's own processor key is the simulator's."""
        return self.razorpay_key_id == SIMULATOR_KEY_ID

    @property
    def processor_url(self) -> str:
        """Return the base address of the processor: as set, else the simulator's or Razorpay's by the key."""
        if self.razorpay_base_url:
            return self.razorpay_base_url.rstrip("/")
        return f"http://127.0.0.1:{self.simulator_port}" if self.uses_simulator else PROCESSOR_URL

    @property
    def mail_server(self) -> MailServer | None:
        """Return who carries mail; None when nobody does. Raises ValueError."""
        url = self.mail_url.get_secret_value()
        return MailServer.of(url) if url else None

    @property
    def sms_service(self) -> SmsService | None:
        """Return who carries short messages; None when nobody does. Raises ValueError."""
        url = self.sms_url.get_secret_value()
        return SmsService.of(url, kinds=SMS_KINDS) if url else None

    def _carrier_problems(self) -> list[str]:
        problems = []
        carriers: tuple[tuple[str, Callable[[], MailServer | SmsService | None]], ...] = (
            ("MAIL_URL", lambda: self.mail_server),
            ("SMS_URL", lambda: self.sms_service),
        )
        for name, read in carriers:
            try:
                carrier = read()
            except ValueError as error:
                problems.append(f"{name} can't be read: {error}.")
                continue
            if carrier is not None and carrier.is_plain and self.is_production:
                problems.append(f"{name} is not encrypted; production sends nothing that anybody on the way can read.")
        if self.mail_url.get_secret_value() and plain_email(self.mail_from) is None:
            problems.append("MAIL_FROM must be the e-mail address that mail comes from, because MAIL_URL is set.")
        return problems

    def _processor_problems(self) -> list[str]:
        problems = []
        if not self.razorpay_key_id.startswith(("rzp_test_", "rzp_live_")):
            problems.append("RAZORPAY_KEY_ID must start with rzp_test_ or rzp_live_: the prefix selects the mode.")
        host = urlsplit(self.processor_url).hostname
        if self.default_mode is Mode.LIVE and host != urlsplit(PROCESSOR_URL).hostname:
            problems.append(
                "RAZORPAY_KEY_ID is a live key but RAZORPAY_BASE_URL is not Razorpay: live money never "
                "meets the simulator; remove RAZORPAY_BASE_URL or use a test key."
            )
        if self.default_mode is Mode.LIVE and urlsplit(self.processor_url).scheme != "https":
            problems.append("RAZORPAY_BASE_URL is not encrypted: a live key never travels without TLS; use https.")
        if not self.uses_simulator and self.razorpay_key_secret.get_secret_value() in {"", SIMULATOR_KEY_SECRET}:
            problems.append("RAZORPAY_KEY_SECRET is missing: RAZORPAY_KEY_ID is your own, so its secret must be too.")
        if self.uses_simulator and host == urlsplit(PROCESSOR_URL).hostname:
            problems.append("RAZORPAY_KEY_ID is the simulator's but RAZORPAY_BASE_URL is Razorpay; set your own key.")
        if self.default_mode is Mode.LIVE and not self.mongodb_url and not self.allow_embedded_database:
            problems.append(
                "MONGODB_URL is empty: live payments are not kept in the embedded database; set "
                "MONGODB_URL (or ALLOW_EMBEDDED_DATABASE=true if you accept one node)."
            )
        return problems

    def _secret_problems(self) -> list[str]:
        if not self.secret_key.get_secret_value():
            return ["SECRET_KEY is empty; make one with: openssl rand -hex 32."]
        return []

    def _server_problems(self) -> list[str]:
        problems = []
        if self.mongodb_url and not self.mongodb_url.startswith(("mongodb://", "mongodb+srv://")):
            problems.append("MONGODB_URL must start with mongodb:// or mongodb+srv://.")
        queue = urlsplit(self.queue_url.get_secret_value())
        if queue.geturl() and (queue.scheme not in _QUEUE_SCHEMES or not queue.hostname):
            problems.append(
                "QUEUE_URL must be the address of RabbitMQ (amqp://host) or of Redis (redis://host), or empty."
            )
        shared = urlsplit(self.redis_url.get_secret_value())
        if shared.geturl() and (shared.scheme not in _SHARED_SCHEMES or not shared.hostname):
            problems.append("REDIS_URL must be the address of Redis (redis://host or rediss://host), or empty.")
        if wrong := [each for each in self.trusted_proxies if not _is_network(each)]:
            problems.append(
                f"TRUSTED_PROXIES holds {', '.join(wrong)}: name addresses (10.0.0.7) or networks (10.0.0.0/24) of "
                "your own proxies; nothing stands for everybody."
            )
        return problems

    def _production_problems(self) -> list[str]:
        problems = []
        for name, secret in (("SECRET_KEY", self.secret_key), ("SECRET_KEY_PREVIOUS", self.secret_key_previous)):
            value = secret.get_secret_value()
            if value and (value.lower() in _SAMPLE_SECRETS or _entropy_bits(value) < _LEAST_SECRET_BITS):
                problems.append(f"{name} is weak or a sample; make one with: openssl rand -hex 32.")
        if self.debug:
            problems.append("DEBUG is on; production runs with DEBUG=false.")
        if self.demo_account:
            problems.append("DEMO_ACCOUNT is on: a default account has no place in production; set DEMO_ACCOUNT=false.")
        if not self.mongodb_url and not self.allow_embedded_database:
            problems.append(
                "MONGODB_URL is empty: production refuses the embedded database; point it at a replica set."
            )
        if self.uses_simulator:
            problems.append("RAZORPAY_KEY_ID is the simulator's; production needs your own Razorpay key.")
        if self.fault_point:
            problems.append("FAULT_POINT is set: production never dies on purpose; remove it.")
        if "*" in self.cors_origins:
            problems.append("CORS_ORIGINS allows every origin; name the origins of your pages.")
        if "*" in self.allowed_hosts:
            problems.append("ALLOWED_HOSTS allows every host name; name those that your service answers to.")
        return problems


def _is_network(text: str) -> bool:
    """Tell whether a text is an address or a network without a bit too many; not the network of all addresses."""
    try:
        return ip_network(text).prefixlen > 0
    except ValueError:
        return False


def _entropy_bits(secret: str) -> float:
    """Estimate the information in a secret from the frequencies of its characters (Shannon), in bits."""
    length = len(secret)
    return -sum(count * math.log2(count / length) for count in Counter(secret).values())
