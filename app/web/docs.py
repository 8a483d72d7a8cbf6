"""The pages about the API: Swagger UI and ReDoc without any foreign host, the error reference, the Postman file.

The scripts come out of the `fastapi-offline` wheel and are served from here, under a policy that lets the pages talk
to nobody else.
"""

from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from app.kit.errors import catalogue
from app.web.errors import ERRORS_PAGE, STATUS, NotFound
from app.web.postman import postman_collection

_WHEEL = "fastapi_offline"
_ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}
_START = "start-swagger.js"
# Both tools put styles into the page, and ReDoc searches in a worker made of a blob; nothing may leave for elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGE_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
_ASSET_HEADERS = {"Cache-Control": "public, max-age=86400"}
_START_SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
"""
_STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}h2{margin-top:2rem}"


def docs_router(*, is_interactive: bool) -> APIRouter:
    """Return the routes of the pages; without the interactive ones only the error reference is served.

    The interactive pages read `/openapi.json`, which FastAPI serves itself.
    """
    router = APIRouter(include_in_schema=False)
    router.add_api_route(ERRORS_PAGE, show_errors, methods=["GET"])
    if is_interactive:
        router.add_api_route("/docs", show_swagger, methods=["GET"])
        router.add_api_route("/redoc", show_redoc, methods=["GET"])
        router.add_api_route("/docs/postman.json", show_postman, methods=["GET"])
        router.add_api_route("/docs/assets/{name}", show_asset, methods=["GET"])
    return router


async def show_swagger(request: Request) -> Response:
    """Return the Swagger UI page."""
    body = (
        '<link rel="stylesheet" href="docs/assets/swagger-ui.css"><div id="swagger"></div>'
        '<script src="docs/assets/swagger-ui-bundle.js"></script>'
        f'<script src="docs/assets/{_START}"></script>'
    )
    return _page(request.app.title, body)


async def show_redoc(request: Request) -> Response:
    """Return the ReDoc page."""
    body = '<redoc spec-url="openapi.json"></redoc><script src="docs/assets/redoc.standalone.js"></script>'
    return _page(request.app.title, body)


async def show_errors() -> Response:
    """Return the reference of every error code; `doc_url` of an error points into it."""
    parts = [f"<style>{_STYLE}</style><h1>Errors</h1><p>Every code is permanent; its sentence may change.</p>"]
    for problem in catalogue():
        fact = (problem.__doc__ or "").strip().splitlines()[0]
        parts.append(
            f'<h2 id="{escape(problem.code)}"><code>{escape(problem.code)}</code></h2>'
            f"<p>HTTP {STATUS[problem.kind]}. {escape(problem.message)}</p><p>{escape(fact)}</p>"
        )
    return _page("Errors", "".join(parts))


async def show_postman(request: Request) -> Response:
    """Return the Postman collection as a file."""
    collection = postman_collection(request.app.openapi(), base_url=str(request.base_url))
    return JSONResponse(collection, headers={"Content-Disposition": 'attachment; filename="postman.json"'})


async def show_asset(name: str) -> Response:
    """Return a script, style or picture by its name in a fixed table. Raises NotFound for any other name."""
    if name == _START:
        return Response(_START_SCRIPT, media_type="text/javascript", headers=_ASSET_HEADERS)
    if name not in _ASSETS:
        raise NotFound
    path = Path(str(files(_WHEEL).joinpath("static", name)))
    return FileResponse(path, media_type=_ASSETS[name], headers=_ASSET_HEADERS)


def _page(title: str, body: str) -> HTMLResponse:
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return HTMLResponse(f"{head}{view}</head><body>{body}</body></html>", headers=_PAGE_HEADERS)
