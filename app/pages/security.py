"""What keeps a page and its forms to itself: the content policy, tokens of forms, and whose page sends a form."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from app.kit.errors import Kind, Problem
from app.kit.signing import derived_key

VISITOR_COOKIE = "pg_visitor"
TOKEN_FIELD = "form_token"  # noqa: S105  the name of a field
_OTHER_SITES = frozenset({"cross-site", "same-site"})
_NONCE_BYTES = 18
_TOKEN_LENGTH = 32


class ForeignPage(Problem):
    """A page of another origin sent a form that only our own pages may send."""

    code = "foreign_page"
    kind = Kind.FORBIDDEN
    message = "This form came from another site; open the page here and send it again."


class FormExpired(Problem):
    """A form carries no token of this visitor: another browser, or a session that ended meanwhile."""

    code = "form_expired"
    kind = Kind.FORBIDDEN
    message = "This form is no longer valid; go back, load the page again and send it once more."


def new_nonce() -> str:
    """Return what marks the scripts of one answer as ours."""
    return secrets.token_urlsafe(_NONCE_BYTES)


def new_visitor() -> str:
    """Return a name for a browser that nobody is signed in with."""
    return secrets.token_urlsafe(_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What a page may load and where its forms may go, beyond itself: lists of origins.

    Attributes:
        scripts: origins of scripts.
        frames: origins of frames.
        connects: origins that scripts may talk to.
        images: origins of pictures.
        forms: origins that a form may go to, also by a redirect after it.
    """

    scripts: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    connects: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()

    def header(self, nonce: str) -> str:
        """Return the value of `Content-Security-Policy` for one answer."""
        parts = [
            "default-src 'none'",
            "style-src 'self'",
            " ".join(["img-src 'self' data:", *self.images]),
            " ".join([f"script-src 'nonce-{nonce}'", *self.scripts]),
            " ".join(["connect-src 'self'", *self.connects]),
            " ".join(["form-action 'self'", *self.forms]),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
        if self.frames:
            parts.append(" ".join(["frame-src", *self.frames]))
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class FormTokens:
    """Makes and judges tokens of forms: an HMAC over who the form was made for, with keys from SECRET_KEY."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "FormTokens()"

    @classmethod
    def of(cls, secret: str, previous_secret: str = "") -> "FormTokens":
        """Return tokens made with the secret; those of the previous one stay good."""
        return cls(tuple(derived_key(one, purpose="forms v1") for one in (secret, previous_secret) if one))

    def token_of(self, holder: str) -> str:
        """Return the token for a session or a visitor."""
        return _token(self.keys[0], holder)

    def is_good(self, token: str, holder: str) -> bool:
        """Tell whether a form's token was made for this holder."""
        given = token.encode("utf-8", "replace")
        matches = [hmac.compare_digest(_token(key, holder).encode(), given) for key in self.keys]
        return any(matches)


def refuse_foreign(request: Request, *, origin: str) -> None:
    """Refuse a form that a page of another origin sends. Raises ForeignPage.

    Args:
        request: a request that changes something.
        origin: the address that browsers know us by, such as `https://pay.example.com`.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site in _OTHER_SITES:
            raise ForeignPage
        return
    # Browsers that do not say the site yet do say the origin of a form; other programs say neither.
    sent = request.headers.get("origin")
    if sent is None:
        return
    own_host = request.headers.get("host")
    if sent != origin and sent.partition("://")[2] != own_host:
        raise ForeignPage


def _token(key: bytes, holder: str) -> str:
    digest = hmac.new(key, holder.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_TOKEN_LENGTH]
