"""Removing what was sent, or is about to be, to somebody who is erased, piece by piece (T11)."""

from dataclasses import dataclass

from app.gateways.payer import Payer
from app.gateways.people import IsTheirs
from app.kit.ids import born_at
from app.kit.scope import Scope
from app.notices.models import Notice
from app.notices.sealing import NoticeSecrets, Private
from app.notices.store import NoticeStore
from app.payments.payer_store import PayerStore
from app.tenants.channels import Channel


@dataclass(frozen=True, slots=True)
class NoticeErasing:
    """Removes notices to customers. What the team was told says of nobody who paid who they are.

    Everything is opened, and nothing looked up by its digest: one from before a rotation of the secret, or to an
    address that somebody had long ago, would not be found.
    """

    store: NoticeStore
    secrets: NoticeSecrets
    payers: PayerStore

    async def erase_slice(self, scope: Scope, *, after: str, limit: int, is_theirs: IsTheirs) -> tuple[int, str | None]:
        """Remove somebody's among the next notices behind an id; a queued one is then not sent.

        Returns how many those were, and the last one that was looked at; None at the end.
        """
        rows = await self.store.list_slice(scope, after=after, limit=limit)
        opened = [(row, self.secrets.open(row)) for row in rows if not row.kind.is_for_team]
        sent = [(row, private) for row, private in opened if private is not None]
        paid = {row.id: str(private.facts["payment_id"]) for row, private in sent if "payment_id" in private.facts}
        erased = await self.payers.list_erased_among(scope, list(paid.values()))

        def concerns(row: Notice, private: Private) -> bool:
            # A receipt is theirs whose payment is: somebody else may have the same address.
            return paid[row.id] in erased if row.id in paid else is_theirs(_payer(row, private), born_at(row.subject))

        theirs = [row.id for row, private in sent if concerns(row, private)]
        return await self.store.remove_notices(scope, theirs), rows[-1].id if rows else None


def _payer(notice: Notice, private: Private) -> Payer:
    return Payer(email=private.to) if notice.channel is Channel.EMAIL else Payer(phone=private.to)
