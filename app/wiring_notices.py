"""The part of wiring that joins notices with what they tell of, and with who carries them."""

from dataclasses import dataclass

from app.auth.store import UserStore
from app.config import Settings
from app.database import Database
from app.disputes.store import DisputeStore
from app.links.posting import LinkPosting
from app.links.service import LINK_PATH
from app.notices.erasing import NoticeErasing
from app.notices.letters import Letters
from app.notices.sealing import NoticeSecrets
from app.notices.sending import Sending
from app.notices.service import Notices
from app.notices.sms import texter_of
from app.notices.smtp import SmtpMailer
from app.notices.store import NoticeStore
from app.notices.tasks import NoticeJobs
from app.notices.writing import Writing
from app.outbox.service import Outbox
from app.pages.texts import Texts
from app.payments.outcomes import Outcomes
from app.payments.payer_store import PayerStore
from app.tenants.service import Merchants
from app.webhooks.store import WebhookStore
from app.wiring_links import link_tokens_of


@dataclass(frozen=True, slots=True)
class NoticeRoom:
    """The services of notices."""

    notices: Notices
    sending: Sending
    jobs: NoticeJobs
    posting: LinkPosting
    erasing: NoticeErasing


def notices_of(
    settings: Settings, database: Database, merchants: Merchants, outbox: Outbox, outcomes: Outcomes, texts: Texts
) -> NoticeRoom:
    """Join the services; clock, ids and vault are those of merchants, and what opens a payer is that of payments."""
    store = NoticeStore(database)
    secrets = NoticeSecrets.of(merchants.vault, settings.secret_key.get_secret_value())
    notices = Notices(
        store=store,
        secrets=secrets,
        channels=merchants.channels,
        outbox=outbox,
        clock=merchants.clock,
        ids=merchants.ids,
        sms_a_day=settings.sms_a_day,
    )
    writing = Writing(
        notices=notices,
        merchants=merchants,
        users=UserStore(database),
        payments=outcomes.store,
        payers=outcomes.payers,
        disputes=DisputeStore(database),
        webhooks=WebhookStore(database),
    )
    sending = _sending_of(settings, notices, merchants, texts)
    return NoticeRoom(
        notices=notices,
        sending=sending,
        jobs=NoticeJobs(writing, sending, outbox),
        posting=LinkPosting(notices, outcomes.payers),
        erasing=NoticeErasing(store, secrets, PayerStore(database)),
    )


def _sending_of(settings: Settings, notices: Notices, merchants: Merchants, texts: Texts) -> Sending:
    tokens = link_tokens_of(settings)
    public_address = settings.public_address
    letters = Letters.load(
        texts,
        public_address=public_address,
        address=settings.mail_from,
        link_address=lambda link_id: f"{public_address}{LINK_PATH}/{tokens.token_of(link_id)}",
    )
    server, service = settings.mail_server, settings.sms_service
    return Sending(
        store=notices.store,
        secrets=notices.secrets,
        letters=letters,
        merchants=merchants,
        mailer=None if server is None else SmtpMailer(server, settings.mail_from, notices.clock),
        texter=None if service is None else texter_of(service),
        clock=notices.clock,
    )
