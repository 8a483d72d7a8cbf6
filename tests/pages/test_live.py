"""Streams of events: only what changed, a sign of life, and an end."""

import pytest

from app.pages.live import Streams, _parts
from app.web.errors import ServiceUnavailable


async def test_only_what_changed_is_sent_and_a_sign_of_life_between():
    states = [1, 1, 1, 2, 2, 3, 3]

    async def poll():
        return {"n": states.pop(0)}

    parts = [part async for part in _parts(poll, 0.01, 30, lambda: not states)]
    assert parts == [f'data: {{"n":{n}}}\n\n' for n in (1, 2, 3)]


async def test_a_stream_ends_with_its_process_and_is_counted_while_it_is_open():
    ending = []
    streams = Streams(lambda: bool(ending), most=1)

    async def poll():
        return {}

    answer = streams.answer(poll, every=0.01)
    assert answer.media_type == "text/event-stream"
    parts = []
    async for part in answer.body_iterator:
        parts.append(part)
        if part.startswith("data"):
            assert streams.open == 1
            with pytest.raises(ServiceUnavailable):
                streams.answer(poll)
            ending.append(True)
    assert parts == ["retry: 3000\n\n", "data: {}\n\n"]
    assert streams.open == 0
