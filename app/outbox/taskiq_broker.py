"""The broker of `QUEUE_URL`: taskiq on RabbitMQ (`amqp://`) or Redis (`redis://`), from the extra `queue`.

Of taskiq we use what carries and receives a message; what a job is, whether it is due and how it ended, MongoDB says.
A message is the job's id in taskiq's envelope, and worth nothing once the item was taken by other means.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from taskiq import AsyncBroker
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType
from taskiq_redis import ListQueueBroker

from app.kit.ids import Prefix, is_id
from app.outbox.dispatch import BrokerLost, OnMessage
from app.outbox.models import Lane

_NAME = "payment_gateway.outbox"
_TASK = "outbox.work"
_ANSWER_SECONDS = 3.0
_RECONNECT_SECONDS = 1.0
_MESSAGE_MS = 60_000
_DEAD_LETTERS = 1_000

Open = Callable[[Lane, int], AsyncBroker]
"""Makes taskiq's broker for a lane, of which so many messages are fetched at once. It connects at its start-up."""


@dataclass(frozen=True, slots=True)
class TaskiqBroker:
    """Implements `dispatch.Broker`."""

    open: Open
    answer_seconds: float = _ANSWER_SECONDS
    _senders: dict[Lane, AsyncBroker] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, url: str) -> "TaskiqBroker":
        """Return the broker behind an address; the settings have checked its scheme."""
        # Every attempt to connect would be told with its stack; what matters is in a line of ours.
        for library in ("taskiq", "aio_pika", "aiormq"):
            logging.getLogger(library).setLevel(logging.CRITICAL)
        make = _redis if urlsplit(url).scheme in {"redis", "rediss"} else _rabbitmq
        return cls(lambda lane, width: make(url, lane, width))

    async def publish(self, lane: Lane, item_id: str) -> None:
        """Send an id into a lane. Raises BrokerLost; the message may have arrived nevertheless."""
        try:
            async with asyncio.timeout(self.answer_seconds):
                sender = await self._sender(lane)
                kicker: AsyncKicker[[str], None] = AsyncKicker(_TASK, sender, {})
                await kicker.with_task_id(item_id).kiq(item_id)
        except Exception:  # noqa: BLE001  each library has errors of its own, and all of them mean the same here
            await self._forget(lane)
            raise BrokerLost from None

    async def consume(self, lane: Lane, on_message: OnMessage, *, width: int, stopping: asyncio.Event) -> None:
        """Receive a lane's ids until the event is set, and let those that are worked on end. Raises BrokerLost."""

        async def work(item_id: object) -> None:
            # Anybody who reaches the broker can write into it, so only what could be an id of ours is looked up.
            if isinstance(item_id, str) and is_id(item_id, Prefix.OUTBOX_ITEM):
                await on_message(item_id)

        broker = self.open(lane, width)
        broker.is_worker_process = True
        broker.register_task(work, task_name=_TASK)
        try:
            async with asyncio.timeout(self.answer_seconds):
                await broker.startup()
            receiver = Receiver(broker, max_async_tasks=width, validate_params=False, run_startup=False)
            await receiver.listen(stopping)
        except Exception:  # noqa: BLE001  as above
            raise BrokerLost from None
        finally:
            await self._shut(broker)

    async def close(self) -> None:
        """Close what publishes."""
        for lane in tuple(self._senders):
            await self._forget(lane)

    async def _sender(self, lane: Lane) -> AsyncBroker:
        known = self._senders.get(lane)
        if known is None:
            known = self._senders[lane] = self.open(lane, 1)
            await known.startup()
        return known

    async def _forget(self, lane: Lane) -> None:
        sender = self._senders.pop(lane, None)
        if sender is not None:
            await self._shut(sender)

    async def _shut(self, broker: AsyncBroker) -> None:
        with suppress(Exception):
            async with asyncio.timeout(self.answer_seconds):
                await broker.shutdown()


def _rabbitmq(url: str, lane: Lane, width: int) -> AsyncBroker:
    # A message is only good as long as its item is offered, so none is kept for long, and nothing piles up.
    short_lived = {"x-message-ttl": _MESSAGE_MS}
    name = f"{_NAME}.{lane}"
    return AioPikaBroker(
        url,
        qos=width,
        exchange=Exchange(name=_NAME),
        task_queues=[Queue(name=name, type=QueueType.CLASSIC, arguments=dict(short_lived))],
        dead_letter_queue=Queue(
            name=f"{_NAME}.dead", type=QueueType.CLASSIC, arguments={**short_lived, "x-max-length": _DEAD_LETTERS}
        ),
        reconnect_interval=_RECONNECT_SECONDS,
    )


def _redis(url: str, lane: Lane, width: int) -> AsyncBroker:
    return ListQueueBroker(
        url,
        queue_name=f"{_NAME}.{lane}",
        max_connection_pool_size=width + 1,
        socket_connect_timeout=_ANSWER_SECONDS,
        socket_keepalive=True,
    )
