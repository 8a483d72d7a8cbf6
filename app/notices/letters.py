"""What a notice says: a mail in two forms, or a short message, in the language that the merchant chose."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.kit.money import Money
from app.kit.scope import Mode
from app.notices.models import SMS_KINDS, Notice, NoticeKind
from app.notices.port import Mail, ShortMessage
from app.notices.sealing import Facts, Private
from app.pages.money import format_money
from app.pages.texts import Texts
from app.pages.times import format_time
from app.tenants.models import Merchant

_INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
_NAME_LENGTH = 30
"""What India's operators let stand in a variable of a registered text."""

_PLACES: Mapping[NoticeKind, str] = {
    NoticeKind.WEBHOOK_GAVE_UP: "webhooks/{endpoint_id}",
    NoticeKind.WEBHOOK_GONE: "webhooks/{endpoint_id}",
    NoticeKind.DISPUTE_OPENED: "disputes/{subject}",
    NoticeKind.SUSPENSE_OPENED: "suspense/{subject}",
}
_LINES: Mapping[NoticeKind, tuple[str, ...]] = {
    NoticeKind.WEBHOOK_GAVE_UP: ("host", "endpoint_id"),
    NoticeKind.WEBHOOK_GONE: ("host", "endpoint_id"),
    NoticeKind.DISPUTE_OPENED: ("amount", "respond_by", "reason", "payment_id"),
    NoticeKind.SUSPENSE_OPENED: ("amount", "reason", "payment_id"),
    NoticeKind.PAYMENT_RECEIPT: ("amount", "description", "reference", "payment_id"),
    NoticeKind.REFUND_RECEIPT: ("amount", "description", "reference", "payment_id", "refund_id"),
    NoticeKind.PAYMENT_LINK: ("amount", "description", "reference"),
}
"""What stands below the text, line by line; what is not known is left out."""

LinkAddress = Callable[[str], str]
"""Returns the public address of a payment link by its id."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes mails and short messages."""

    texts: Texts
    public_address: str
    address: str
    link_address: LinkAddress
    templates: Environment = field(repr=False)

    @classmethod
    def load(cls, texts: Texts, *, public_address: str, address: str, link_address: LinkAddress) -> "Letters":
        """Read the templates.

        Args:
            texts: the sentences.
            public_address: where people find us.
            address: the address that mail comes from.
            link_address: the public address of a payment link.
        """
        templates = Environment(
            loader=PackageLoader("app.notices"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        return cls(texts, public_address, address, link_address, templates)

    def mail(self, notice: Notice, private: Private, merchant: Merchant) -> Mail:
        """Return a notice as a mail; made again, it is the same."""
        language = merchant.notices.language.value
        about = self._about(notice, private.facts, merchant, language)
        subject = self.texts.say(language, f"notice.{notice.kind}.subject", **about)
        if notice.scope.mode is Mode.TEST:
            subject = self.texts.say(language, "notice.test", subject=subject)
        shown = {
            "language": language,
            "title": subject,
            "text": self.texts.say(language, f"notice.{notice.kind}.text", **about),
            "lines": list(self._lines(notice, about, language)),
            "button": self._button(notice, private.facts, language),
            "footer": self.texts.say(language, f"notice.footer.{_reader(notice)}", **about),
        }
        return Mail(
            message_id=f"<{notice.id.lower()}@{self.address.rpartition('@')[2]}>",
            sender=merchant.name,
            to=private.to,
            subject=subject,
            text=self.templates.get_template("notices/mail.txt").render(shown),
            html=self.templates.get_template("notices/mail.html").render(shown),
        )

    def short_message(self, notice: Notice, private: Private, merchant: Merchant) -> ShortMessage:
        """Return a notice as a short message. Only what is for customers is one."""
        language = merchant.notices.language.value
        about = self._about(notice, private.facts, merchant, language)
        values = {"merchant": _short(about["merchant"]), "amount": about["amount"], "id": notice.subject}
        if notice.kind is NoticeKind.PAYMENT_LINK:
            values["link"] = self.link_address(notice.subject)
        text = self.texts.say(language, f"notice.{notice.kind}.sms", **values)
        return ShortMessage(kind=SMS_KINDS[notice.kind], to=private.to, text=text, values=values)

    def _about(self, notice: Notice, facts: Facts, merchant: Merchant, language: str) -> dict[str, str]:
        about = {name: str(value) for name, value in facts.items() if value is not None}
        about["merchant"] = merchant.name
        if "currency" in facts:
            about["amount"] = self._amount(facts, language)
        if facts.get("respond_by"):
            moment = datetime.fromisoformat(str(facts["respond_by"]))
            about["respond_by"] = f"{format_time(moment, _INDIA, language)} IST"
        return {"subject": notice.subject, **about}

    def _amount(self, facts: Facts, language: str) -> str:
        currency = str(facts["currency"])
        shown = [
            format_money(Money(int(facts[name] or 0), currency), language)
            for name in ("amount", "min_amount", "max_amount")
            if facts.get(name) is not None
        ]
        return "\u2013".join(shown)

    def _lines(self, notice: Notice, about: Mapping[str, str], language: str) -> Iterator[tuple[str, str]]:
        for name in _LINES[notice.kind]:
            if about.get(name):
                yield self.texts.say(language, f"notice.line.{name}"), about[name]

    def _button(self, notice: Notice, facts: Facts, language: str) -> tuple[str, str] | None:
        if notice.kind is NoticeKind.PAYMENT_LINK:
            return self.texts.say(language, "notice.button.pay"), self.link_address(notice.subject)
        if not notice.kind.is_for_team:
            return None
        place = _PLACES[notice.kind].format_map({**facts, "subject": notice.subject})
        return self.texts.say(language, "notice.button.look"), f"{self.public_address}/dashboard/{place}"


def _reader(notice: Notice) -> str:
    return "team" if notice.kind.is_for_team else "customer"


def _short(text: str) -> str:
    return text if len(text) <= _NAME_LENGTH else f"{text[: _NAME_LENGTH - 1]}…"
