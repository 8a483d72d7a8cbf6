"""Requests byte by byte, for what a well-behaved client refuses to send."""

import asyncio
import json
from collections.abc import Mapping

from tests.world import Answer


async def send_raw(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    bearer: str | None = None,
    is_chunked: bool = False,
    **headers: str,
) -> Answer:
    """Send one request exactly as given and read the answer until the service closes the connection."""
    sent = {"Host": "127.0.0.1", "Connection": "close", **headers}
    if bearer:
        sent["Authorization"] = f"Bearer {bearer}"
    if is_chunked:
        sent["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif "Content-Length" not in sent:
        sent["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    raw = await asyncio.wait_for(_read(reader), 10)
    writer.close()
    return _answer(raw)


async def _read(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        while part := await reader.read(65536):
            parts.append(part)
    except ConnectionResetError:
        # The service answered and went before it had read everything.
        pass
    return b"".join(parts)


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: Mapping[str, str] = {name.title(): value for name, _, value in (line.partition(": ") for line in lines)}
    is_json = headers.get("Content-Type", "") == "application/json"
    return Answer(int(first.split(" ")[1]), headers, body, json.loads(body) if is_json else None)
