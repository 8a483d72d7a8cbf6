"""The worker's part of notices, in the lane for what can wait: hear events, find out who is told, send."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.kit.faultpoints import faultpoint
from app.notices.events import SEND, WRITE, writing
from app.notices.sending import Sending
from app.notices.writing import Writing
from app.outbox.handlers import Handler
from app.outbox.models import Item
from app.outbox.retry import MOST_TRIES
from app.outbox.service import Outbox
from app.webhooks.events import STOPPED


@dataclass(frozen=True, slots=True)
class NoticeJobs:
    """The outbox's jobs that this room does. Writing twice changes nothing; sending twice is what is avoided."""

    writing: Writing
    sending: Sending
    outbox: Outbox

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each job by its name."""
        return {WRITE: self.write, STOPPED: self.write_stopped, SEND: self.send}

    async def hear(self, item: Item) -> None:
        """Make work of an event that somebody is told of; heard twice, it is the same piece of work."""
        if not await self.writing.is_wanted(item.scope, item.name):
            return
        database = self.outbox.store.database
        work = writing(item)
        await database.transaction(lambda session: self.outbox.add(item.scope, [work], session=session))

    async def write(self, item: Item) -> None:
        """Queue a notice for each who is told of an event. Raises NotYet."""
        faultpoint("notices.writing")
        await self.writing.write_event(item.scope, item)
        faultpoint("notices.written")

    async def write_stopped(self, item: Item) -> None:
        """Queue a notice for the team: an endpoint missed something for good."""
        await self.writing.write_stopped(item.scope, item)

    async def send(self, item: Item) -> None:
        """Send a notice. Raises NoticeNotSent: try again."""
        await self.sending.send_notice(item.scope, item.subject, is_last=item.attempts >= MOST_TRIES)
