"""The HTTP side: the SMS services' doors, the page for people, and the same as JSON for programs."""

import json
from collections.abc import Mapping
from html import escape

from aiohttp import BasicAuth, web

from postbox.box import Box, Message

_BOX: web.AppKey[Box] = web.AppKey("box", Box)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Postbox</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
article {{ border: 1px solid #8886; border-radius: 8px; padding: 0 1rem; margin: 1rem 0 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere }} small {{ color: #666 }}
</style></head><body><h1>Postbox</h1><p>What this machine sent: nothing of it left the machine. The same as JSON:
<a href="/messages">/messages</a>.</p>{messages}</body></html>"""


def build(box: Box) -> web.Application:
    """Return the application."""
    app = web.Application(client_max_size=1024 * 1024)
    app[_BOX] = box
    app.add_routes(
        [
            web.get("/", show_page),
            web.get("/health", show_health),
            web.get("/messages", show_messages),
            web.get("/messages/{id}/html", show_html),
            web.post("/api/v5/flow", take_msg91),
            web.post("/2010-04-01/Accounts/{account}/Messages.json", take_twilio),
        ]
    )
    return app


async def show_health(_request: web.Request) -> web.Response:
    """Say that it is there."""
    return web.json_response({"status": "ok"})


async def show_messages(request: web.Request) -> web.Response:
    """Return what is kept, the newest first; with `to`, what that recipient got."""
    box, to = request.app[_BOX], request.query.get("to")
    found = box.to(to) if to else list(box.messages)
    return web.json_response({"messages": [message.to_json() for message in found]})


async def show_page(request: web.Request) -> web.Response:
    """Return the page."""
    articles = "".join(map(_article, request.app[_BOX].messages)) or "<p>Nothing yet.</p>"
    return _html(_PAGE.format(messages=articles), _POLICY)


async def show_html(request: web.Request) -> web.Response:
    """Return a mail as a mail program would show it: without scripts, and as a site of its own."""
    message = request.app[_BOX].find(request.match_info["id"])
    if message is None or not message.html:
        raise web.HTTPNotFound
    return _html(message.html, f"sandbox; {_POLICY}")


async def take_msg91(request: web.Request) -> web.Response:
    """Take a flow of MSG91: one message for each recipient."""
    box = request.app[_BOX]
    if (refusal := _refusal(box)) is not None:
        return refusal
    if not request.headers.get("authkey"):
        return web.json_response({"type": "error", "message": "the auth key is missing"}, status=401)
    try:
        asked = json.loads(await request.read())
        recipients = [dict(one) for one in asked["recipients"]]
        template = str(asked["template_id"])
        numbers = [str(one.pop("mobiles")) for one in recipients]
    except (ValueError, KeyError, TypeError):
        return web.json_response({"type": "error", "message": "this is no flow"}, status=400)
    if not all(number.isdigit() for number in numbers):
        return web.json_response({"type": "error", "message": "this is no number"})
    message_id = ""
    for number, values in zip(numbers, recipients, strict=True):
        text = "\n".join(f"{name}: {value}" for name, value in values.items())
        message_id = box.put(service="msg91", sender=template, to=f"+{number}", text=text).id
    return web.json_response({"type": "success", "message": message_id})


async def take_twilio(request: web.Request) -> web.Response:
    """Take a message of Twilio."""
    box = request.app[_BOX]
    if (refusal := _refusal(box)) is not None:
        return refusal
    if not _is_signed_in(request):
        return web.json_response({"code": 20003, "message": "who are you?", "status": 401}, status=401)
    form = await request.post()
    to, text = str(form.get("To", "")), str(form.get("Body", ""))
    sender = str(form.get("From") or form.get("MessagingServiceSid") or "")
    if not (to.removeprefix("+").isdigit() and text and sender):
        return web.json_response({"code": 21211, "message": "this is no message", "status": 400}, status=400)
    message = box.put(service="twilio", sender=sender, to=to, text=text)
    return web.json_response({"sid": f"SM{message.id}", "status": "queued", "error_code": None}, status=201)


def _refusal(box: Box) -> web.Response | None:
    if not box.sms_answers:
        return None
    said: Mapping[str, str] = {"type": "error", "message": "as it was asked for"}
    return web.json_response(said, status=box.sms_answers.popleft())


def _is_signed_in(request: web.Request) -> bool:
    try:
        return bool(BasicAuth.decode(request.headers.get("Authorization", "")).login == request.match_info["account"])
    except ValueError:
        return False


def _article(message: Message) -> str:
    title = message.subject or f"SMS ({message.service})"
    html = f' · <a href="/messages/{message.id}/html">as HTML</a>' if message.html else ""
    facts = f"to {escape(message.to)} · from {escape(message.sender)} · {escape(message.received_at)}"
    return f"<article><h2>{escape(title)}</h2><small>{facts}{html}</small><pre>{escape(message.text)}</pre></article>"


def _html(body: str, policy: str) -> web.Response:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return web.Response(text=body, content_type="text/html", charset="utf-8", headers=headers)
