"""What every page of the simulator shares: templates, files, headers, and what is kept from one page to the next."""

import json
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.responses import Response

from razorpay_simulator import currencies, wire
from razorpay_simulator.errors import ApiError, bad_request

FILES = {
    "checkout.css": "text/css",
    "page.js": "text/javascript",
    "waiting.js": "text/javascript",
    "checkout.js": "text/javascript",
}
KEPT = ("key_id", "callback_url", "cancel_url", "parent_origin", "name")
_ADDRESSES = ("callback_url", "cancel_url", "parent_origin")


class Frame:
    """Renders pages and returns their files."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("razorpay_simulator.pages"), autoescape=select_autoescape(default=True)
        )
        static = files("razorpay_simulator.pages") / "static"
        self._files = {name: (static / name).read_bytes() for name in FILES}

    def file(self, name: str) -> Response:
        """Return the style sheet or a script."""
        if name not in FILES:
            return Response(status_code=404)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return Response(self._files[name], media_type=FILES[name], headers=headers)

    def render(self, template: str, given: dict[str, str], status: int = 200, **values: Any) -> Response:
        """Return a page; `given` is what the checkout was opened with."""
        text = self._templates.get_template(template).render(values)
        return Response(text, status, media_type="text/html", headers=_headers(given))

    def problem(self, refusal: ApiError) -> Response:
        """Return a refusal as a sentence for people."""
        return self.render("problem.html", {}, 400, sentence=refusal.body["error"]["description"])


def read_form(raw: bytes) -> dict[str, str]:
    """Return the plain fields of a form. Raises ApiError."""
    return {name: value for name, value in wire.parse_form(raw).items() if isinstance(value, str)}


def kept(given: dict[str, str]) -> dict[str, str]:
    """Return what a page hands to the next one."""
    return {name: given[name] for name in KEPT if given.get(name)}


def with_kept(path: str, given: dict[str, str]) -> str:
    """Return the address of the next page with what it has to know."""
    query = urlencode(kept(given))
    return f"{path}?{query}" if query else path


def check_addresses(given: dict[str, str]) -> None:
    """Raise ApiError unless every address given is one of the web."""
    for name in _ADDRESSES:
        if given.get(name) and not _is_web_address(given[name]):
            raise bad_request(f"The {name} is not a web address.", field=name)


def callback_fields(result: dict[str, Any]) -> dict[str, str]:
    """Return the form fields that a merchant's callback gets."""
    if "error" not in result:
        return {name: value for name, value in result.items() if name.startswith("razorpay_")}
    error = dict(result["error"])
    error["metadata"] = json.dumps(error["metadata"])
    return {f"error[{name}]": value for name, value in error.items()}


def money(amount: int, currency: str) -> str:
    """Return an amount as a person reads it."""
    digits = currencies.exponent(currency) or 0
    whole, rest = divmod(amount, 10**digits)
    return f"{currency} {whole:,}.{rest:0{digits}}" if digits else f"{currency} {whole:,}"


def _headers(given: dict[str, str]) -> dict[str, str]:
    """Return headers that let the page do only what it is for: its own files, and the merchant's addresses."""
    onward = _origin(given.get("callback_url"))
    parent = _origin(given.get("parent_origin")) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        f"form-action 'self' {onward}; frame-ancestors {parent}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    # The origin is repeated in a header, where a semicolon or a space would end the directive.
    is_plain = host.isascii() and all(letter.isalnum() or letter in ".-:" for letter in host)
    return parts.scheme in {"http", "https"} and bool(host) and is_plain


def _origin(address: str | None) -> str:
    if not address:
        return ""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"
