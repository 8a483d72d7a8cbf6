"""What a change of money causes, written in the transaction of the change (D4): ledger entries and outbox items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.database import Session
from app.kit.scope import Scope
from app.ledger.models import Posting
from app.ledger.service import Ledger
from app.outbox.models import NewItem
from app.outbox.service import Outbox


@dataclass(frozen=True, slots=True)
class Facts:
    """Books and tells."""

    ledger: Ledger
    outbox: Outbox

    async def write(
        self,
        scope: Scope,
        *,
        postings: Sequence[Posting] = (),
        items: Sequence[NewItem] = (),
        at: datetime,
        session: Session,
    ) -> None:
        """Book the postings and add the items.

        Raises:
            PostingConflict: a fact is booked otherwise already; the transaction must not commit.
        """
        await self.ledger.post(scope, postings, session=session, at=at)
        await self.outbox.add(scope, items, session=session)
