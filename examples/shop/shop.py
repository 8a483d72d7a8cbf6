"""A shop in one file: a product, a button, the hosted checkout, and the way back with a signed result.

Copy what you need: `create_payment`, `is_genuine` and `done` are the whole integration.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

API = os.environ.get("SHOP_API", "http://127.0.0.1:8000/api/v1")
KEY = os.environ.get("SHOP_KEY", "")
CHECKOUT_SECRET = os.environ.get("SHOP_CHECKOUT_SECRET", "")
PORT = int(os.environ.get("SHOP_PORT", "8070"))
HERE = os.environ.get("SHOP_ADDRESS", f"http://localhost:{PORT}")

PRODUCT, PRICE = "Assam tea, 250 g", 45000  # in paise

# The ten lines in the browser. The form works without them; they save one page on the way.
SCRIPT = """
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  event.submitter.disabled = true;
  const answer = await fetch("/buy", {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(event.target)),
  });
  location.assign((await answer.json()).checkout_url);
});
"""


async def create_payment(session: aiohttp.ClientSession, order: str) -> dict[str, Any]:
    """Create the payment of an order. The order's number is the key too: a repetition finds the same payment."""
    body = {
        "amount": PRICE,
        "currency": "INR",
        "description": PRODUCT,
        "reference": order,
        "return_url": f"{HERE}/done",
    }
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": order}
    async with session.post(f"{API}/payments", json=body, headers=headers) as answer:
        answer.raise_for_status()
        return dict((await answer.json())["data"])


async def get_payment(session: aiohttp.ClientSession, payment_id: str) -> dict[str, Any]:
    """Return the truth about a payment."""
    async with session.get(f"{API}/payments/{payment_id}", headers={"Authorization": f"Bearer {KEY}"}) as answer:
        answer.raise_for_status()
        return dict((await answer.json())["data"])


def is_genuine(query: dict[str, str], secret: str) -> bool:
    """Tell whether the result in an address was signed for this shop."""
    facts = {name: query.get(name, "") for name in ("at", "payment_id", "reference", "status")}
    wanted = hmac.new(secret.encode(), urlencode(sorted(facts.items())).encode(), hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(wanted.encode(), query.get("signature", "").encode())


async def show(_: Request) -> Response:
    """Show the product. The order's number is made here, so that a double click buys once."""
    order = f"TEA-{secrets.token_hex(6).upper()}"
    return page(
        f"<h1>{escape(PRODUCT)}</h1><p>₹{PRICE // 100}</p>"
        f'<form method="post" action="/buy"><input type="hidden" name="order" value="{order}">'
        "<button>Buy</button></form>"
        f"<script>{SCRIPT}</script>"
    )


async def buy(request: Request) -> Response:
    """Send the customer to the page where they pay."""
    fields = parse_qs((await request.body()).decode())
    payment = await create_payment(request.app.state.session, fields["order"][0])
    if request.headers.get("accept") == "application/json":
        return JSONResponse({"checkout_url": payment["checkout_url"]})
    return RedirectResponse(payment["checkout_url"], status_code=303)


async def done(request: Request) -> Response:
    """Receive the customer: believe the signature, deliver by what the API says."""
    query = dict(request.query_params)
    if not is_genuine(query, CHECKOUT_SECRET):
        return page("<h1>We are looking for your order</h1><p>You will hear from us by e-mail.</p>", status=400)
    payment = await get_payment(request.app.state.session, query["payment_id"])
    order = escape(payment["reference"])
    if payment["status"] == "completed":
        return page(f"<h1>Thank you</h1><p>Order {order} is paid and on its way.</p>")
    return page(f'<h1>Order {order} is not paid</h1><p><a href="{escape(payment["checkout_url"])}">Pay it now</a></p>')


def page(body: str, status: int = 200) -> Response:
    """Return a page."""
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    style = "<style>body{font:1.1rem/1.6 system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}</style>"
    return HTMLResponse(f"{head}<title>Tea</title>{style}<main>{body}</main></html>", status)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep one session for all calls."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        app.state.session = session
        yield


app = Starlette(
    routes=[Route("/", show), Route("/buy", buy, methods=["POST"]), Route("/done", done)], lifespan=lifespan
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
