"""Access tokens (JWT), refresh tokens and API-key secrets: how they are made and judged. Nothing is stored here.

One deployment uses exactly one JWS algorithm. The key is picked by `kid` from a fixed map of at most two: the current
SECRET_KEY and the previous one. Every other header parameter is refused, so none can point anywhere (S1, S2).

Everything is made with the current SECRET_KEY and verified with both, so a rotation ends no session and no API key.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import CompactSignature

from app.auth.problems import TokenInvalid
from app.kit.clock import Clock
from app.kit.scope import Mode

ISSUER = "payment-gateway-api"
AUDIENCE = "payment-gateway-api"
TYPE = "at+jwt"
LEEWAY_SECONDS = 30
REFRESH_PREFIX = "pgr"
KEY_PREFIXES: Mapping[Mode, str] = {Mode.TEST: "pgk_test_", Mode.LIVE: "pgk_live_"}

_HEADER = frozenset({"alg", "kid", "typ"})
_LONGEST_TOKEN = 4096
_SECRET_BYTES = 32
_CHECKSUM_LENGTH = 6


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a good access token says; what its owner may do is looked up, not believed."""

    user_id: str
    session_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and judges tokens with keys derived from the deployment's secrets, the current first. Shows none."""

    clock: Clock
    algorithm: str
    keys: Mapping[str, OctKey]
    current: str
    masters: tuple[bytes, ...]
    access_minutes: int

    def __repr__(self) -> str:
        return "Tokens()"

    @classmethod
    def create(
        cls, *, clock: Clock, algorithm: str, secret: str, previous_secret: str, access_minutes: int
    ) -> "Tokens":
        """Return tokens signed with the secret; what the previous secret signed stays good."""
        secrets_held = [one for one in (secret, previous_secret) if one]
        return cls(
            clock=clock,
            algorithm=algorithm,
            keys={_kid(one): OctKey.import_key(one) for one in secrets_held},
            current=_kid(secret),
            masters=tuple(_master(one) for one in secrets_held),
            access_minutes=access_minutes,
        )

    @property
    def access_seconds(self) -> int:
        """Return how long an access token is good."""
        return self.access_minutes * 60

    def issue_access(self, *, user_id: str, tenant: str, role: str, session_id: str) -> str:
        """Return a signed access token."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "tenant": tenant,
            "role": role,
            "sid": session_id,
            "iat": now,
            "nbf": now,
            "exp": now + self.access_seconds,
            "jti": secrets.token_urlsafe(12),
        }
        header = {"alg": self.algorithm, "kid": self.current, "typ": TYPE}
        return jwt.encode(header, claims, self.keys[self.current], algorithms=[self.algorithm])

    def read_access(self, token: str) -> AccessClaims:
        """Return the claims of a good access token. Raises TokenInvalid for anything else, whatever it is (S1-S3)."""
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise TokenInvalid
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[self.algorithm])
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise TokenInvalid from None
        claims = decoded.claims
        self._check_claims(claims)
        return AccessClaims(user_id=claims["sub"], session_id=claims["sid"], expires_at=claims["exp"])

    def issue_refresh(self, *, session_id: str, generation: int, salt: str) -> str:
        """Return the refresh token of one generation: always the same one, so that a lost answer can be repeated."""
        return _refresh_token(self.masters[0], session_id, generation, salt)

    def is_refresh(self, token: str, *, generation: int, session_id: str, salt: str) -> bool:
        """Tell whether a token is the genuine one of this generation, of the current or the previous secret."""
        given = token.encode("utf-8", "surrogateescape")
        wanted = (_refresh_token(master, session_id, generation, salt).encode() for master in self.masters)
        return any(hmac.compare_digest(one, given) for one in wanted)

    def new_key_secret(self, mode: Mode) -> str:
        """Return a fresh API-key secret: prefix, 256 random bits, checksum (for secret scanners and quick refusal)."""
        body = f"{KEY_PREFIXES[mode]}{secrets.token_urlsafe(_SECRET_BYTES)}"
        return body + _checksum(body)

    def digest_of_key(self, secret: str) -> str:
        """Return what is stored of an API-key secret: a keyed digest, useless without the deployment's secret."""
        return _key_digest(self.masters[0], secret)

    def former_digests_of_key(self, secret: str) -> tuple[str, ...]:
        """Return what was stored of an API-key secret before SECRET_KEY was rotated; none without a previous one."""
        return tuple(_key_digest(master, secret) for master in self.masters[1:])

    def _key_of(self, signature: Any) -> OctKey:
        header = signature.headers() if isinstance(signature, CompactSignature) else {}
        if set(header) != _HEADER or header["typ"] != TYPE or header["alg"] != self.algorithm:
            message = "unexpected header"
            raise ValueError(message)
        return self.keys[header["kid"]]

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        texts = [claims.get(name) for name in ("sub", "sid", "tenant")]
        if not all(isinstance(text, str) for text in texts):
            raise TokenInvalid
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
            raise TokenInvalid
        now = self.clock.now().timestamp()
        issued, valid_from, expires = (_moment(claims, name) for name in ("iat", "nbf", "exp"))
        has_begun = max(issued, valid_from) - LEEWAY_SECONDS <= now
        if not has_begun or now >= expires + LEEWAY_SECONDS or expires - issued > self.access_seconds:
            raise TokenInvalid


def session_of_refresh(token: str) -> tuple[str, int]:
    """Return the session id and the generation that a refresh token claims. Raises TokenInvalid."""
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != REFRESH_PREFIX or not (parts[2].isascii() and parts[2].isdigit()):
        raise TokenInvalid
    if len(parts[2]) > 9:
        raise TokenInvalid
    return parts[1], int(parts[2])


def mode_of_key_secret(secret: str) -> Mode | None:
    """Return the mode of a well-formed API-key secret, or None when it can't be one: no look-up needed."""
    for mode, prefix in KEY_PREFIXES.items():
        if secret.startswith(prefix) and secret.isascii():
            body, checksum = secret[:-_CHECKSUM_LENGTH], secret[-_CHECKSUM_LENGTH:]
            return mode if hmac.compare_digest(_checksum(body), checksum) else None
    return None


def read_basic(credentials: str) -> tuple[str, str]:
    """Return user name and password of HTTP Basic credentials. Raises TokenInvalid."""
    try:
        name, separator, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise TokenInvalid from None
    if not separator:
        raise TokenInvalid
    return name, password


def _moment(claims: Mapping[str, Any], name: str) -> int:
    moment = claims.get(name)
    if type(moment) is not int:
        raise TokenInvalid
    return moment


def _checksum(body: str) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = zlib.crc32(body.encode())
    letters = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(digits))
        letters.append(digits[digit])
    return "".join(reversed(letters))


def _refresh_token(master: bytes, session_id: str, generation: int, salt: str) -> str:
    message = f"refresh:{session_id}:{generation}:{salt}".encode()
    mac = base64.urlsafe_b64encode(hmac.digest(master, message, "sha256")).decode().rstrip("=")
    return f"{REFRESH_PREFIX}.{session_id}.{generation}.{mac}"


def _key_digest(master: bytes, secret: str) -> str:
    return hmac.digest(master, b"api-key:" + secret.encode("utf-8", "surrogateescape"), "sha256").hex()


def _master(secret: str) -> bytes:
    return hashlib.sha256(b"payment-gateway tokens v1:" + secret.encode()).digest()


def _kid(secret: str) -> str:
    return hashlib.sha256(b"payment-gateway kid:" + secret.encode()).hexdigest()[:16]
