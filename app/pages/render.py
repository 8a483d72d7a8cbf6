"""`Pages`: turns a template and its facts into an answer, and a form into its fields. Wiring builds the one instance.

Every template finds, besides its own facts:

    t("room.key", amount=...)     a sentence in the viewer's language
    asset("pages.css")            the address of a style or script
    form_token()                  the hidden field that every form of ours which changes something carries
    nonce                         for `<script type="module" nonce="{{ nonce }}" src="{{ asset(...) }}">`
    language, languages, path, request_id
    money | money                 ₹1,23,456.50        money | decimal     123456.50, for a form's field
    count | count                 12,34,567
    moment | time, moment | date  a `<time>` in the viewer's zone with UTC in its title
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from app.kit.errors import Problem
from app.kit.money import Money
from app.pages.assets import Assets
from app.pages.forms import Upload, parse_form, parse_upload
from app.pages.money import decimal_of, format_count, format_money
from app.pages.security import (
    TOKEN_FIELD,
    VISITOR_COOKIE,
    ContentPolicy,
    FormExpired,
    FormTokens,
    new_nonce,
    new_visitor,
    refuse_foreign,
)
from app.pages.texts import LANGUAGE_COOKIE, LANGUAGE_PARAMETER, Texts
from app.pages.times import ZONE_COOKIE, time_tag, zone_of
from app.web.errors import STATUS, request_id_of

_OWN_POLICY = ContentPolicy()
_YEAR_SECONDS = 365 * 24 * 3600
_API = "/api/"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders pages and reads forms; also shows a problem as a page to a browser (`web.errors.ProblemPages`)."""

    environment: Environment
    assets: Assets
    texts: Texts
    tokens: FormTokens
    origin: str

    @classmethod
    def load(cls, rooms: Iterable[str], *, tokens: FormTokens, origin: str) -> "Pages":
        """Read templates, texts and assets of these packages.

        Args:
            rooms: names of packages; a template is named `<room>/<page>.html`, so none hides another.
            tokens: what forms are marked with.
            origin: the address that browsers know us by.
        """
        names = tuple(rooms)
        assets, texts = Assets.load(names), Texts.load(names)
        environment = Environment(
            loader=ChoiceLoader([PackageLoader(name) for name in names]),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "money": _show_money, "count": _show_count, "decimal": decimal_of, "time": _show_time, "date": _show_date,
        }  # fmt: skip
        environment.globals |= {"asset": assets.url, "languages": texts.languages}
        return cls(environment, assets, texts, tokens, origin)

    @property
    def is_https(self) -> bool:
        """Tell whether browsers reach us by HTTPS; cookies are then for HTTPS alone."""
        return self.origin.startswith("https://")

    def language_of(self, request: Request) -> str:
        """Return the language that this viewer reads."""
        return self.texts.choose(
            wanted=request.query_params.get(LANGUAGE_PARAMETER),
            kept=request.cookies.get(LANGUAGE_COOKIE),
            accepted=request.headers.get("accept-language"),
        )

    def say(self, request: Request, key: str, **facts: object) -> str:
        """Return a sentence in the viewer's language."""
        return self.texts.say(self.language_of(request), key, **facts)

    def answer(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        policy: ContentPolicy = _OWN_POLICY,
        headers: Mapping[str, str] | None = None,
        language: str | None = None,
        **facts: Any,
    ) -> HTMLResponse:
        """Return a page: rendered, with its content policy, in the viewer's language and zone.

        A page that is written in one language alone names its `language`.
        """
        nonce, language = new_nonce(), language or self.language_of(request)
        holder = _Holder(request)

        def say(key: str, **about: object) -> str:
            return self.texts.say(language, key, **about)

        def form_token() -> Markup:
            token = self.tokens.token_of(holder.name())
            return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, token)

        body = self.environment.get_template(template).render(
            facts,
            t=say,
            form_token=form_token,
            nonce=nonce,
            language=language,
            zone=zone_of(request.cookies.get(ZONE_COOKIE)),
            path=request.url.path,
            query=dict(request.query_params),
            request_id=request_id_of(request.scope),
        )
        policy_header = {
            "Content-Security-Policy": policy.header(nonce),
            "Content-Language": language,
            # Without any referrer, a browser would call the origin of our own forms "null".
            "Referrer-Policy": "strict-origin",
        }
        response = HTMLResponse(body, status, headers={**policy_header, **(headers or {})})
        if holder.is_used and not holder.is_known:
            self.keep(response, VISITOR_COOKIE, holder.name())
        if request.query_params.get(LANGUAGE_PARAMETER) == language:
            self.keep(response, LANGUAGE_COOKIE, language, seconds=_YEAR_SECONDS)
        return response

    def keep(self, response: Response, name: str, value: str, *, seconds: int | None = None, path: str = "/") -> None:
        """Set a cookie that no script reads and no other site's form brings along; without `seconds` till the end."""
        response.set_cookie(
            name, value, max_age=seconds, path=path, secure=self.is_https, httponly=True, samesite="lax"
        )

    async def read_form(self, request: Request, *, needs_token: bool = True) -> Mapping[str, str]:
        """Return the fields of a form that one of our own pages sent, its token left out.

        Raises:
            ForeignPage: another site's page sent it.
            FormExpired: its token is not this visitor's. `needs_token=False` is for forms that change nothing of
                anybody's: they need no cookie then.
            FormExpected, BadRequest, CardNumberRefused: it is no good form.
        """
        refuse_foreign(request, origin=self.origin)
        fields = dict(parse_form(await request.body(), content_type=request.headers.get("content-type")))
        self._take_token(request, fields, needs_token=needs_token)
        return fields

    async def read_upload(self, request: Request) -> tuple[Mapping[str, str], Mapping[str, Upload]]:
        """Return the fields and the files of a form that asks for files. Raises as `read_form`."""
        refuse_foreign(request, origin=self.origin)
        sent, files = parse_upload(await request.body(), content_type=request.headers.get("content-type"))
        fields = dict(sent)
        self._take_token(request, fields)
        return fields, files

    def _take_token(self, request: Request, fields: dict[str, str], *, needs_token: bool = True) -> None:
        token = fields.pop(TOKEN_FIELD, "")
        holder = _Holder(request)
        if needs_token and (not holder.is_known or not self.tokens.is_good(token, holder.name())):
            raise FormExpired

    def wants(self, scope: Scope) -> bool:
        """Tell whether whoever asks reads pages: a browser that looks at something else than the API."""
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        return b"text/html" in accept and not scope["path"].startswith(_API)

    def show_problem(self, scope: Scope, problem: Problem, *, headers: Mapping[str, str]) -> Response:
        """Return the page of a problem: what is wrong, its code and the request's id, never more."""
        request = Request(scope)
        return self.answer(
            request,
            "error.html",
            status=STATUS[problem.kind],
            headers=headers,
            kind=problem.kind.value,
            code=problem.code,
            message=problem.message,
        )


class _Holder:
    """Who a form is made for: the session that a room put into `request.state.form_holder`, else the browser."""

    def __init__(self, request: Request) -> None:
        held = getattr(request.state, "form_holder", None) or request.cookies.get(VISITOR_COOKIE)
        self.is_known = bool(held)
        self.is_used = False
        self._name = str(held or new_visitor())

    def name(self) -> str:
        self.is_used = True
        return self._name


def pages_of(request: Request) -> Pages:
    """Return the kit, as wiring built it."""
    pages: Pages = request.app.state.pages
    return pages


def see_other(path: str, **query: str) -> RedirectResponse:
    """Return the answer to a form that was done: go and look at `path`, with these in its query."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)


@pass_context
def _show_money(context: Context, money: Money) -> str:
    return format_money(money, context["language"])


@pass_context
def _show_count(context: Context, number: int) -> str:
    return format_count(number, context["language"])


@pass_context
def _show_time(context: Context, moment: datetime) -> Markup:
    return time_tag(moment, context["zone"], context["language"])


@pass_context
def _show_date(context: Context, moment: datetime) -> Markup:
    return time_tag(moment, context["zone"], context["language"], with_clock=False)
