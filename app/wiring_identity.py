"""The part of wiring that joins merchants with who they are: users, sessions, keys."""

from typing import TypedDict

from app.audit.service import Audit
from app.auth.browsers import Browsers
from app.auth.guard import CACHE_SECONDS as GUARD_CACHE_SECONDS
from app.auth.guard import Guard
from app.auth.keys import ApiKeys
from app.auth.keys_store import AttemptStore, KeyStore
from app.auth.passwords import Passwords
from app.auth.service import Accounts
from app.auth.sessions import Sessions
from app.auth.store import SessionStore, UserStore
from app.auth.throttle import Throttle
from app.auth.tokens import Tokens
from app.config import PasswordScheme, Settings
from app.database import Database
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.ids import Ids
from app.tenants.channels import Channel, Channels
from app.tenants.models import ProcessorKeys
from app.tenants.service import CACHE_SECONDS as MERCHANT_CACHE_SECONDS
from app.tenants.service import Merchants
from app.tenants.store import MerchantStore
from app.tenants.vault import Vault


class Identity(TypedDict):
    """The services of who somebody is."""

    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    api_keys: ApiKeys
    guard: Guard
    browsers: Browsers


def merchants_of(settings: Settings, database: Database, audit: Audit, clock: Clock, ids: Ids) -> Merchants:
    """Build the room of merchants."""
    return Merchants(
        store=MerchantStore(database),
        audit=audit,
        vault=Vault.of(settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()),
        clock=clock,
        ids=ids,
        deployment_keys=ProcessorKeys(
            settings.razorpay_key_id, settings.razorpay_key_secret.get_secret_value(), settings.default_mode
        ),
        deployment_merchant=settings.razorpay_merchant_id,
        cache=TtlCache(clock, MERCHANT_CACHE_SECONDS),
        opened=TtlCache(clock, MERCHANT_CACHE_SECONDS),
        channels=channels_of(settings),
    )


def channels_of(settings: Settings) -> Channels:
    """Return the ways that have a carrier."""
    carriers = {Channel.EMAIL: settings.mail_server, Channel.SMS: settings.sms_service}
    return Channels(frozenset(channel for channel, carrier in carriers.items() if carrier is not None))


def identity_of(
    settings: Settings, database: Database, merchants: Merchants, audit: Audit, clock: Clock, ids: Ids
) -> Identity:
    """Build the room of identity."""
    users, sessions_store, keys_store = UserStore(database), SessionStore(database), KeyStore(database)
    passwords = Passwords.create(
        use_argon2=settings.password_scheme is PasswordScheme.ARGON2ID,
        bcrypt_rounds=settings.bcrypt_rounds,
        workers=settings.password_hash_workers,
    )
    tokens = Tokens.create(
        clock=clock,
        algorithm=settings.algorithm.value,
        secret=settings.secret_key.get_secret_value(),
        previous_secret=settings.secret_key_previous.get_secret_value(),
        access_minutes=settings.access_token_expire_minutes,
    )
    sessions = Sessions(
        store=sessions_store,
        users=users,
        passwords=passwords,
        tokens=tokens,
        throttle=Throttle(AttemptStore(database), clock),
        audit=audit,
        clock=clock,
        ids=ids,
        refresh_days=settings.refresh_token_expire_days,
    )
    accounts = Accounts(
        database=database,
        users=users,
        sessions=sessions,
        merchants=merchants,
        passwords=passwords,
        audit=audit,
        clock=clock,
        ids=ids,
        signup_enabled=settings.signup_enabled,
    )
    guard = Guard(
        users=users,
        sessions=sessions_store,
        keys=keys_store,
        tokens=tokens,
        clock=clock,
        default_mode=settings.default_mode,
        cache=TtlCache(clock, GUARD_CACHE_SECONDS),
    )
    return {
        "passwords": passwords,
        "accounts": accounts,
        "sessions": sessions,
        "api_keys": ApiKeys(store=keys_store, tokens=tokens, audit=audit, clock=clock, ids=ids),
        "guard": guard,
        "browsers": Browsers(
            sessions=sessions, default_mode=settings.default_mode, cache=TtlCache(clock, GUARD_CACHE_SECONDS)
        ),
    }
