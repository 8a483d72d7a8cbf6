"""Answers as bytes, and the end of a connection without one."""

import contextlib
import socket
import struct
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from razorpay_simulator import wire
from razorpay_simulator.errors import ApiError

TRANSPORT = "razorpay_simulator_transport"
"""The key in the scope's state under which the server's protocol leaves its transport."""

_CHUNK_BYTES = 256 * 1024


class Reset(Exception):
    """The connection is to end with a TCP reset instead of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its kind."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_error(cls, error: ApiError) -> "Answer":
        """Return the answer for a refusal."""
        return cls(error.status, wire.render(error.body), headers=error.headers)


async def send_answer(answer: Answer, send: Send) -> None:
    """Write an answer, a large one in pieces."""
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = answer.body
    if len(body) <= _CHUNK_BYTES:
        await send({"type": "http.response.body", "body": body})
        return
    for start in range(0, len(body), _CHUNK_BYTES):
        has_more = start + _CHUNK_BYTES < len(body)
        chunk = body[start : start + _CHUNK_BYTES]
        await send({"type": "http.response.body", "body": chunk, "more_body": has_more})


async def abort(scope: Scope, receive: Receive) -> None:
    """Reset the TCP connection of a request, and wait until it is gone.

    Raises:
        ConnectionResetError: there is no socket, as with an in-process client, whose caller then gets this.
    """
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError
    peer = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Lingering for zero seconds is what turns a close into a reset.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
