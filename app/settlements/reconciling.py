"""Reads what a settlement is made of, and compares each line with what is known here.

The report is read page by page, and how far is written down: whoever is stopped, or comes after one who died, goes on
there. A line that is read twice takes its own place (R9).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, timezone

from app.disputes.store import DisputeStore
from app.gateways.port import Gateway, GatewayError, Gateways, UnknownAtGateway
from app.gateways.settlement import RowKind, SettlementRow
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.scope import Mode, Scope
from app.ledger.models import CauseKind
from app.ledger.store import EntryStore
from app.payments.asking import problem_of
from app.payments.models import Payment, Source
from app.payments.outcomes import Match, Outcomes
from app.payments.store import PaymentStore
from app.refunds.store import RefundStore
from app.settlements.matching import Known, findings_of
from app.settlements.models import Line, Settlement, SettlementStatus
from app.settlements.outcomes import SettlementOutcomes
from app.settlements.postings import refund_fees
from app.settlements.problems import SettlementBusy
from app.settlements.store import LineStore, SettlementStore

_INDIA = timezone(timedelta(hours=5, minutes=30))
_DAY = timedelta(days=1)
_DAYS = 2
"""The report's day is that on which the bank was paid; a settlement made late in the evening is told with the next."""

_MOST_ASKED = 20
"""How many payments that nobody knew a page may ask the processor about; the next reading asks about others."""

_MOST_FAILURES = 3
"""After how many answers that did not come the rest of a page is left to the next reading."""

_BOOKED_AT_ONCE = 100
"""How many fees one transaction books at most: a page of the report has up to a thousand lines."""

_TRIES = 8
IN_VAIN_SECONDS = 24 * 3600.0
"""For how long nobody asks again about a payment of which the processor told nothing new."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where what is known here is looked up."""

    payments: PaymentStore
    refunds: RefundStore
    disputes: DisputeStore
    entries: EntryStore


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Compares settlements with what is known here."""

    store: SettlementStore
    lines: LineStore
    books: Books
    outcomes: SettlementOutcomes
    payments: Outcomes
    gateways: Gateways
    clock: Clock
    ids: Ids
    in_vain: TtlCache[tuple[str, Mode, str], bool]

    async def reconcile(self, scope: Scope, settlement_id: str) -> Settlement | None:
        """Read a settlement's lines and write down how they agree; None when there is nothing to compare.

        Raises:
            SettlementBusy: it kept changing.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: what was read stays.
        """
        settlement = await self.store.find_settlement(scope, settlement_id)
        if settlement is None or settlement.status is not SettlementStatus.PROCESSED:
            return None
        if not await self.outcomes.owns_account(scope):
            return None
        gateway = await self.gateways.of(scope)
        first = settlement.settled_at.astimezone(_INDIA).date()
        reached, skip = await self.store.find_reading(scope, settlement_id) or (first, 0)
        for day in _days(first, reached):
            await self._read_day(settlement, gateway, day, skip=skip)
            skip = 0
            tally = await self.lines.tally_lines(scope, settlement_id=settlement_id, at=self.clock.now())
            if tally.net == settlement.money.minor and not tally.with_findings:
                break
        await self.store.save_reading(scope, settlement_id, reading=None)
        return await self._written(scope, settlement_id)

    async def _read_day(self, settlement: Settlement, gateway: Gateway, day: date, *, skip: int) -> None:
        scope, is_last = settlement.scope, False
        while not is_last:
            await self.store.save_reading(scope, settlement.id, reading=(day, skip))
            try:
                listed = await gateway.list_settlement_rows(day=day, skip=skip)
            except GatewayError as error:
                raise problem_of(error) from None
            # The report is of everything that was settled that day.
            rows = [row for row in listed.items if row.settlement_id == settlement.gateway_settlement_id]
            await self._keep(settlement, gateway, rows)
            skip, is_last = listed.next_skip, listed.is_last

    async def _keep(self, settlement: Settlement, gateway: Gateway, rows: Sequence[SettlementRow]) -> None:
        """Book what the lines alone tell, then write them: whoever dies between the two reads the page again."""
        scope = settlement.scope
        refunds = _ids(rows, RowKind.REFUND)
        fees = await self.books.entries.list_booked(scope, kind=CauseKind.FEE, cause_ids=refunds) if refunds else {}
        lines = await self._compared(settlement, gateway, rows, fees)
        told = [posting for posting in refund_fees(lines) if posting.cause.id not in fees]
        for start in range(0, len(told), _BOOKED_AT_ONCE):
            await self.outcomes.book(scope, told[start : start + _BOOKED_AT_ONCE])
        await self.lines.put_lines(scope, lines)

    async def _compared(
        self, settlement: Settlement, gateway: Gateway, rows: Sequence[SettlementRow], fees: Mapping[str, int]
    ) -> list[Line]:
        scope = settlement.scope
        payments = await self._payments(scope, gateway, rows)
        refunds = {
            refund.gateway_refund_id: refund
            for refund in await self.books.refunds.list_by_gateway_ids(scope, ids=_ids(rows, RowKind.REFUND))
        }
        named = [row.dispute_id for row in rows if row.dispute_id is not None]
        disputes = {
            dispute.gateway_dispute_id: dispute
            for dispute in await self.books.disputes.list_by_gateway_ids(scope, ids=named)
        }
        lines = []
        for row in rows:
            known = Known(
                payment=payments.get(row.entity_id),
                refund=refunds.get(row.entity_id),
                dispute=disputes.get(row.dispute_id or ""),
                refund_fee=fees.get(row.entity_id),
            )
            about = known.payment.id if known.payment is not None else None
            about = known.refund.payment_id if known.refund is not None else about
            about = known.dispute.payment_id if known.dispute is not None else about
            lines.append(
                Line(
                    id=self.ids.new(Prefix.SETTLEMENT_LINE),
                    scope=scope,
                    settlement_id=settlement.id,
                    row=row,
                    payment_id=about,
                    refund_id=known.refund.id if known.refund is not None else None,
                    dispute_id=known.dispute.id if known.dispute is not None else None,
                    findings=findings_of(row, known),
                )
            )
        return lines

    async def _payments(self, scope: Scope, gateway: Gateway, rows: Sequence[SettlementRow]) -> dict[str, Payment]:
        """Return the payments of lines by the processor's ids, after asking about those that are not as told."""
        of_payments = [row for row in rows if row.kind is RowKind.PAYMENT]
        ids = [row.entity_id for row in of_payments]
        known = _by_attempt(await self.books.payments.list_by_attempts(scope, gateway_payment_ids=ids))
        doubtful = [row.entity_id for row in of_payments if findings_of(row, Known(known.get(row.entity_id)))]
        asked = [one for one in doubtful if not self.in_vain.get((scope.tenant, scope.mode, one))][:_MOST_ASKED]
        learned = await self._ask(scope, gateway, asked)
        if learned:
            known |= _by_attempt(await self.books.payments.list_by_attempts(scope, gateway_payment_ids=learned))
        return known

    async def _ask(self, scope: Scope, gateway: Gateway, asked: Sequence[str]) -> list[str]:
        """Ask about payments one by one, and return those of which something new was told.

        What can't be told now is asked again by the next reading, and keeps no other line from being judged.
        """
        learned, failures = [], 0
        for one in asked:
            try:
                is_new = await self._learn(scope, gateway, one)
            except GatewayError:
                failures += 1
                if failures == _MOST_FAILURES:
                    break
                continue
            if is_new:
                learned.append(one)
            else:
                # Mostly somebody else uses the account too: asked once a day and not at every reading (B19, I15).
                self.in_vain.put((scope.tenant, scope.mode, one), value=True)
        return learned

    async def _learn(self, scope: Scope, gateway: Gateway, gateway_payment_id: str) -> bool:
        """Ask the processor about a payment, and apply what it says by the door of all evidence (D2).

        Returns whether that told something new. Raises GatewayError.
        """
        try:
            snapshot = await gateway.get_payment(gateway_payment_id)
        except UnknownAtGateway:
            return False
        recorded = await self.payments.record_evidence(scope, snapshot, source=Source.SWEEP)
        if recorded.match is not Match.UNMATCHED:
            return recorded.match is Match.APPLIED
        order_id = snapshot.order_id
        payment = None if order_id is None else await self.payments.trace_order(scope, order_id)
        if payment is None:
            return False
        await self.payments.record_evidence(scope, snapshot, source=Source.SWEEP, payment_id=payment.id)
        return True

    async def _written(self, scope: Scope, settlement_id: str) -> Settlement | None:
        """Write down what the lines come to, and return the settlement, None when it is not paid any more."""
        for _ in range(_TRIES):
            before = await self.store.find_settlement(scope, settlement_id)
            if before is None or before.status is not SettlementStatus.PROCESSED:
                return None
            at = self.clock.now()
            tally = await self.lines.tally_lines(scope, settlement_id=settlement_id, at=at)
            after = replace(before, tally=tally, updated_at=at, version=before.version + 1)
            if await self.outcomes.write(scope, before, after):
                return after
        raise SettlementBusy(retry_after_seconds=1)


def _days(first: date, reached: date) -> Iterator[date]:
    for number in range(_DAYS):
        day = first + number * _DAY
        if day >= reached:
            yield day


def _ids(rows: Sequence[SettlementRow], kind: RowKind) -> list[str]:
    return [row.entity_id for row in rows if row.kind is kind]


def _by_attempt(payments: Sequence[Payment]) -> dict[str, Payment]:
    return {attempt.id: payment for payment in payments for attempt in payment.attempts}
