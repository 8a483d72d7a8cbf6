"""The whole product with a customer: somebody with a browser without scripts, who follows forms and keeps no cookie."""

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest


@dataclass
class Form:
    """A form of a page: where it goes, and the fields as they stand."""

    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self._select = [], None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), {}))
        if not self.forms:
            return
        fields = self.forms[-1].fields
        if tag == "input" and given.get("name"):
            is_choice = given.get("type") == "radio"
            if not is_choice or "checked" in given:
                fields[given["name"]] = given.get("value", "")
        if tag == "select":
            self._select = given["name"]
        if tag == "option" and self._select:
            fields.setdefault(self._select, given.get("value", ""))


@dataclass
class Page:
    """What a browser got."""

    url: str
    status: int
    text: str
    headers: dict

    @property
    def screen(self):
        found = re.search(r'data-screen="(\w+)"', self.text)
        return found[1] if found else None

    @property
    def path(self):
        return urlsplit(self.url).path

    @property
    def heading(self):
        return unescape(re.sub(r"<[^>]+>", "", re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.DOTALL)[1])).strip()

    def forms(self):
        parser = _Forms()
        parser.feed(self.text)
        return parser.forms

    def link(self, start):
        """Return the address of the first link that begins so."""
        return unescape(re.search(rf'href="({re.escape(start)}[^"]*)"', self.text)[1])


@dataclass
class Customer:
    """Somebody with a browser."""

    session: aiohttp.ClientSession
    origin: str

    async def open(self, url, **headers):
        """Look at a page, following redirects."""
        sent = {"Accept": "text/html,*/*;q=0.8", **headers}
        async with self.session.get(urljoin(self.origin, url), headers=sent) as answer:
            return Page(str(answer.url), answer.status, await answer.text(), answer.headers)

    async def submit(self, page, number=0, *, follow=True, headers=None, **fields):
        """Send a form of a page as a browser does: its origin is told, and a redirect is followed."""
        form = page.forms()[number]
        here = urlsplit(page.url)
        sent = {"Accept": "text/html", "Origin": f"{here.scheme}://{here.netloc}", **(headers or {})}
        target = urljoin(page.url, form.action)
        async with self.session.post(
            target, data={**form.fields, **fields}, headers=sent, allow_redirects=follow
        ) as answer:
            return Page(str(answer.url), answer.status, await answer.text(), answer.headers)

    async def to_bank(self, payment):
        """Go from a payment's page to the processor's."""
        return await self.submit(await self.submit(await self.open(payment["checkout_url"])))

    async def pay(self, payment, **choice):
        """Pay at the processor and come back."""
        result = await self.submit(await self.to_bank(payment), **choice)
        return await self.submit(result)


@pytest.fixture(scope="session")
def world(shared_world):
    return shared_world


@pytest.fixture(scope="session")
async def merchant(world):
    return await world.merchant()


@pytest.fixture
async def customer(world):
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(keepalive_timeout=2)
    ) as session:
        yield Customer(session, world.url)
