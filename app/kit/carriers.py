"""Who carries mail and short messages, read from the addresses of `MAIL_URL` and `SMS_URL`. Pure.

`smtps://` is encrypted from the first byte, `smtp://` has to become so by STARTTLS. What ends in `+plain` is neither,
and for the stand-in on a developer's machine alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_PLAIN = "+plain"
_MAIL_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


class SmsProvider(StrEnum):
    """Services that we speak the language of."""

    MSG91 = "msg91"
    TWILIO = "twilio"


_HOSTS = {SmsProvider.MSG91: "control.msg91.com", SmsProvider.TWILIO: "api.twilio.com"}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server that takes our mail. The representation shows no password."""

    host: str
    port: int
    is_encrypted: bool
    starts_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_plain(self) -> bool:
        """Tell whether mail and password travel as anybody can read them."""
        return not (self.is_encrypted or self.starts_tls)

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `smtp[s]://[user:password@]host[:port]`. Raises ValueError, which repeats nothing of it."""
        parts = _split(url, frozenset(_MAIL_PORTS))
        user, password = _credentials(parts)
        if (user is None) != (password is None):
            message = "it needs a user and a password, or neither"
            raise ValueError(message)
        return cls(
            host=parts.hostname or "",
            port=parts.port or _MAIL_PORTS[parts.scheme],
            is_encrypted=parts.scheme == "smtps",
            starts_tls=parts.scheme == "smtp",
            user=user,
            password=password,
        )


@dataclass(frozen=True, slots=True)
class SmsService:
    """A service that takes our short messages. The representation shows no secret.

    Attributes:
        address: where it is asked, without a slash at its end.
        user: the account, where the service has one beside the secret.
        sender: the number or name that messages come from; MSG91 knows it by the template.
        templates: the service's ids of the texts, by the kind of notice; only MSG91 asks for them.
    """

    provider: SmsProvider
    address: str
    secret: str = field(repr=False)
    user: str = ""
    sender: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Tell whether messages and secret travel as anybody can read them."""
        return not self.address.startswith("https://")

    @classmethod
    def of(cls, url: str, *, kinds: frozenset[str]) -> Self:
        """Read `msg91://authkey@[host]?kind=template...` or `twilio://sid:token@[host]?from=...`.

        Args:
            url: the address.
            kinds: of notices that are sent as short messages; MSG91 needs a template for each.

        Raises:
            ValueError: it is none; the sentence repeats nothing of it.
        """
        schemes = frozenset(f"{one}{end}" for one in SmsProvider for end in ("", _PLAIN))
        # The service's own host need not be written.
        parts = _split(url, schemes, host_may_be_left_out=True)
        provider = SmsProvider(parts.scheme.removesuffix(_PLAIN))
        user, password = _credentials(parts)
        asked = dict(parse_qsl(parts.query))
        if provider is SmsProvider.MSG91:
            _require(bool(user) and password is None, "MSG91 needs its auth key in front of the @, and nothing else")
            _require(kinds <= asked.keys(), f"MSG91 needs a template id for each of {', '.join(sorted(kinds))}")
            secret, user = user or "", ""
        else:
            _require(bool(user and password), "Twilio needs sid:token in front of the @")
            _require(bool(asked.get("from")), "Twilio needs ?from= with a number (%2B is +) or a messaging service")
            secret = password or ""
        scheme = "http" if parts.scheme.endswith(_PLAIN) else "https"
        port = f":{parts.port}" if parts.port else ""
        return cls(
            provider=provider,
            address=f"{scheme}://{parts.hostname or _HOSTS[provider]}{port}",
            secret=secret,
            user=user or "",
            sender=asked.get("from", ""),
            templates={kind: asked[kind] for kind in sorted(kinds & asked.keys())},
        )


def _split(url: str, schemes: frozenset[str], *, host_may_be_left_out: bool = False) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in schemes and (parts.port or 1) > 0
    except ValueError:
        # What Python says of an address repeats pieces of it, and one that is written wrongly may hold a password.
        is_good = False
        parts = urlsplit("")
    _require(is_good, f"it must begin with {', '.join(f'{one}://' for one in sorted(schemes))} and hold a good port")
    _require(host_may_be_left_out or bool(parts.hostname), "it has no host")
    _require(
        parts.path in {"", "/"} and not parts.fragment, "it ends after the host, or with a ? and what belongs there"
    )
    return parts


def _credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    # An empty word is no credential.
    user, password = parts.username or None, parts.password or None
    return user and unquote(user), password and unquote(password)


def _require(is_so: bool, message: str) -> None:  # noqa: FBT001  it reads as a sentence
    if not is_so:
        raise ValueError(message)
