"""A small application made of the kit's own parts, with templates of its own, and a client that behaves as told."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request
from jinja2 import ChoiceLoader, DictLoader

from app.kit.clock import MovableClock
from app.kit.ids import RandomIds
from app.pages.assets import router as assets_router
from app.pages.render import Pages, pages_of, see_other
from app.pages.route import PageRoute
from app.pages.security import ContentPolicy, FormTokens
from app.web.errors import NotFound, install_errors
from app.web.metrics import Metrics
from app.web.middleware import Edge, Middleware

ORIGIN = "http://pay.example.com"
FORM = """{% extends "base.html" %}{% block title %}{{ name }}{% endblock %}{% block main %}
<h1>{{ name }}</h1><form method="post" action="/form">{{ form_token() }}<input name="note" value="{{ name }}"></form>
{% endblock %}"""


class Anybody:
    """A guard that lets everybody in."""

    async def admit(self, request, operation_id):
        return None


@pytest.fixture
def pages():
    kit = Pages.load(["app.pages"], tokens=FormTokens.of("a secret"), origin=ORIGIN)
    own = DictLoader({"form.html": FORM, "plain.html": '{% extends "base.html" %}'})
    kit.environment.loader = ChoiceLoader([own, kit.environment.loader])
    return kit


@pytest.fixture
def app(pages):
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/form", response_model=None)
    async def form_show(request: Request):
        return pages_of(request).answer(request, "form.html", name=request.query_params.get("name", "A form"))

    @router.post("/form", response_model=None)
    async def form_send(request: Request):
        if request.headers.get("x-session"):
            request.state.form_holder = request.headers["x-session"]
        fields = await pages_of(request).read_form(request)
        return see_other("/form", name=fields["note"])

    @router.get("/far", response_model=None)
    async def far_show(request: Request):
        policy = ContentPolicy(
            scripts=("https://a.example",), frames=("https://b.example",), forms=("https://c.example",)
        )
        return pages_of(request).answer(request, "plain.html", policy=policy)

    @router.get("/gone", response_model=None)
    async def gone_show():
        raise NotFound("This <b>thing</b> has gone.")

    @router.get("/broken", response_model=None)
    async def broken_show():
        message = "secret of the house"
        raise ValueError(message)

    application = FastAPI(openapi_url=None)
    application.state.pages = pages
    application.state.guard = Anybody()
    application.include_router(router)
    application.include_router(assets_router)
    clock = MovableClock()
    failures = install_errors(application, clock=clock, pages=pages)
    application.add_middleware(
        Middleware, edge=Edge(), metrics=Metrics.create(), failures=failures, clock=clock, ids=RandomIds(clock)
    )
    return application


@pytest.fixture
async def browser(app):
    """A browser: it reads pages and keeps cookies."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=ORIGIN, headers={"Accept": "text/html,*/*;q=0.8"}
    ) as client:
        yield client
