"""Collections that tests share are emptied before each."""

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect


async def clear(collection: AsyncCollection[Any]) -> None:
    """Remove every document, a second time where the first try lost its connection.

    A driver repeats no deletion of many by itself, and it gives its connections up when tests that hold the event loop
    have kept it from hearing of the server.
    """
    try:
        await collection.delete_many({})
    except AutoReconnect:
        await collection.delete_many({})
