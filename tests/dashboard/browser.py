"""A browser without scripts: it keeps cookies, reads pages, fills in their forms, and follows nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import aiohttp
from yarl import URL

from tests.world import PASSWORD

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
"""What a text must never do: run."""


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, and what its fields hold."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def heading(self) -> str:
        match = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.DOTALL)
        assert match, self.text[:2000]
        return unescape(re.sub(r"<[^>]+>", "", match[1])).strip()

    @property
    def words(self) -> str:
        """Return what a person reads."""
        body = re.sub(r"<(script|head)\b.*?</\1>", " ", self.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()

    @property
    def links(self) -> list[str]:
        return [unescape(link) for link in re.findall(r'href="([^"]*)"', self.text)]

    @property
    def forms(self) -> list[Form]:
        reader = _Forms()
        reader.feed(self.text)
        return reader.found

    def form(self, action: str) -> Form:
        return next(form for form in self.forms if form.action.partition("?")[0] == action)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(has.get("method", "get"), has.get("action", "")))
        if not self.found or ("name" not in has and tag != "option"):
            return
        if "disabled" in has:
            return
        fields = self.found[-1].fields
        if tag == "input" and (has.get("type") not in {"checkbox", "radio"} or "checked" in has):
            fields[has["name"]] = has.get("value", "")
        if tag == "textarea":
            fields[has["name"]] = ""
        if tag == "select":
            self._select = has["name"]
        if tag == "option" and (self._select not in fields or "selected" in has):
            fields[self._select] = has.get("value", "")


@dataclass(slots=True)
class Browser:
    """One browser."""

    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Page:
        return await self.ask("GET", path, headers=headers)

    async def ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | aiohttp.FormData | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        sent = {"Accept": "text/html,*/*;q=0.8", **(headers or {})}
        async with self.session.request(
            method, self.url + path, data=fields, headers=sent, allow_redirects=False
        ) as answer:
            return Page(answer.status, answer.headers, await answer.text(), path)

    async def send(self, page: str, action: str, headers: Mapping[str, str] | None = None, **fields: str) -> Page:
        """Open a page, fill in the form that goes to `action`, and send it."""
        form = (await self.get(page)).form(action)
        return await self.ask("POST", action, {**form.fields, **fields}, headers=headers)

    async def follow(self, answer: Page) -> Page:
        """Go where a form's answer leads."""
        assert answer.status == 303, (answer.status, answer.text)
        return await self.get(answer.location)

    async def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        return await self.send("/dashboard/sign-in", "/dashboard/sign-in", email=email, password=password)

    def cookies(self) -> dict[str, Any]:
        kept = self.session.cookie_jar.filter_cookies(URL(self.url + "/dashboard"))
        return {name: cookie.value for name, cookie in kept.items()}
