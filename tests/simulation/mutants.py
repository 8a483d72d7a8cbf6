"""The mistakes that the simulation must notice: without them, a run that finds nothing would prove nothing."""

from dataclasses import dataclass
from enum import StrEnum

from app.disputes.outcomes import DisputeOutcomes
from app.inbox.service import Inbox
from app.ledger.store import EntryStore
from app.outbox.runner import OutboxRunner
from app.outbox.store import OutboxStore
from app.payments.facts import Facts
from app.payments.intents import IntentStore
from app.payments.outcomes import Outcomes
from app.payments.refundable import RefundableStore
from app.payments.service import Payments
from app.payments.store import PaymentStore
from app.payments.suspense_store import SuspenseStore
from app.payments.tasks import PaymentChecks
from app.recovery.store import SweepStore
from app.recovery.sweeps import Sweeps
from app.refunds.outcomes import RefundOutcomes
from app.refunds.sending import RefundSending
from app.refunds.store import RefundStore
from app.refunds.writing import RefundWriter
from app.settlements.outcomes import SettlementOutcomes
from app.settlements.reconciling import Reconciling
from app.settlements.store import LineStore
from tests.simulation import mutants_disputes as disputes
from tests.simulation import mutants_money as money
from tests.simulation import mutants_payments as payments
from tests.simulation import mutants_settlements as settlements
from tests.simulation import mutants_sweeps as sweeps
from tests.simulation.house import Cast, Janitor


class Seen(StrEnum):
    """With which janitor a mistake must show: it may repair what the mistake spoils, or be what is broken.

    Where a mistake shows with both but rarely with one of them, the other is asked for, so that the suite stays short.
    A mistake in a walk, or in a check that a walk repairs, must show where the others are not.
    """

    ALWAYS = "always"
    WITH_SWEEPS = "with sweeps alone"
    WITH_CHECKS = "with checks alone"
    WITH_JANITOR = "with janitor"
    WITHOUT_JANITOR = "without janitor"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the rows of the catalogue it is about, the parts it changes, and when it shows."""

    name: str
    rows: tuple[str, ...]
    cast: Cast
    seen: Seen = Seen.ALWAYS

    @property
    def janitors(self) -> tuple[Janitor, ...]:
        """Return with which janitors a run must notice it."""
        return {
            Seen.ALWAYS: (Janitor.ALL, Janitor.NONE),
            Seen.WITH_SWEEPS: (Janitor.SWEEPS,),
            Seen.WITH_CHECKS: (Janitor.CHECKS,),
            Seen.WITH_JANITOR: (Janitor.ALL,),
            Seen.WITHOUT_JANITOR: (Janitor.NONE,),
        }[self.seen]

    def made_in(self, module: str) -> bool:
        """Tell whether one of a module's classes plays in it; without any, the mistake is about payments."""
        homes = {part.__module__ for part in (*self.cast.swaps.values(), self.cast.account)}
        return module in homes or (not self.cast.reconciles and module == payments.__name__)


_NO_KEY_INDEX = frozenset({"tenant_idempotency_key"})
_NO_REFUND_KEY = frozenset({"payment_request_key"})
_SENDS_BLINDLY = Cast({RefundSending: money.SendsWithoutLooking})
_TWICE = Cast(
    {EntryStore: money.InsertsAlways, Outcomes: money.BooksWhateverItHears}, without=frozenset({"tenant_cause"})
)

MUTANTS = (
    Mutant("call_then_write", ("A1",), Cast({Payments: payments.CallsFirst})),
    Mutant("no_unique_receipt", ("A3", "A5"), Cast(account=payments.ForgetsReceipts)),
    Mutant("check_then_insert", ("A6",), Cast({IntentStore: payments.ChecksThenInserts}, without=_NO_KEY_INDEX)),
    Mutant("lease_taken_at_once", ("A9",), Cast({IntentStore: payments.TakesKeysAtOnce}), Seen.WITH_JANITOR),
    Mutant("order_looked_for_beside_the_key", ("I3",), Cast({Payments: payments.LooksBesideTheKey}), Seen.WITH_JANITOR),
    Mutant("answer_rendered_anew", ("I13",), Cast({Payments: payments.RendersAnew})),
    Mutant("key_bound_before_validation", ("A11",), Cast({Payments: payments.BindsBeforeChecking})),
    Mutant("unknown_taken_for_no", ("A12", "R5"), Cast({Payments: payments.TakesUnknownForNo})),
    Mutant("last_write_wins", ("D3", "B18"), Cast({PaymentStore: payments.LastWriteWins})),
    Mutant("suspense_forgotten", ("B20", "B16"), Cast({SuspenseStore: payments.LosesSurplus})),
    Mutant("failed_terminal", ("B7",), Cast({Outcomes: payments.FailedIsFinal})),
    Mutant("drop_unknown_order", ("B1", "A4"), Cast({Outcomes: payments.DropsUnknownOrders}), Seen.WITHOUT_JANITOR),
    Mutant("callback_believed", ("B15", "B16"), Cast({Outcomes: payments.BelievesTheCallback})),
    Mutant("seen_before_apply", ("B13", "P1"), Cast({Inbox: payments.MarksFirst}), Seen.WITHOUT_JANITOR),
    Mutant("janitor_stops_at_trouble", ("D8",), Cast({PaymentChecks: payments.StopsAtTrouble}), Seen.WITH_CHECKS),
    Mutant("ledger_without_unique_cause", ("D5", "B3"), _TWICE),
    Mutant("fee_booked_twice", ("I4",), Cast({Facts: money.BooksFeesTwice})),
    Mutant("suspense_counted_as_capture", ("I1", "I4"), Cast({Facts: money.BooksSuspenseAsTakings})),
    Mutant("failed_refund_left_in_the_books", ("C9",), Cast({Facts: money.BooksNoReversals})),
    Mutant("publish_outside_transaction", ("D4", "I6"), Cast({OutboxStore: money.PublishesAtOnce})),
    Mutant("news_forgotten", ("I6",), Cast({OutboxStore: money.ForgetsNews})),
    Mutant("work_marked_before_done", ("P2",), Cast({OutboxRunner: money.MarksBeforeDoing}), Seen.WITHOUT_JANITOR),
    Mutant("refund_read_modify_write", ("C4",), Cast({RefundableStore: money.ReadsThenReserves})),
    Mutant("reservation_not_released", ("C9", "I10"), Cast({RefundableStore: money.KeepsReservations})),
    Mutant("refund_without_key", ("C6",), Cast(account=money.SendsNewKeys), Seen.WITHOUT_JANITOR),
    Mutant("refund_body_rebuilt", ("C6",), Cast({RefundSending: money.SendsNewBodies}), Seen.WITHOUT_JANITOR),
    Mutant(
        "refund_retried_without_looking",
        ("C8",),
        Cast({RefundSending: money.SendsWithoutLooking}),
        Seen.WITHOUT_JANITOR,
    ),
    Mutant("refund_released_on_unknown", ("C6",), Cast({RefundSending: money.GivesUpUnknown}), Seen.WITHOUT_JANITOR),
    Mutant("refund_lease_ignored", ("P3", "C8"), Cast({RefundStore: money.SendsTogether})),
    Mutant("refund_key_forgotten", ("C6", "I13"), Cast({RefundStore: money.ForgetsKeys}, without=_NO_REFUND_KEY)),
    Mutant("refused_key_freed", ("I13",), Cast({RefundWriter: money.FreesRefusedKeys})),
    Mutant("foreign_refund_not_counted", ("C10",), Cast({RefundOutcomes: money.IgnoresForeignRefunds})),
    Mutant("processed_refund_final", ("C9",), Cast({RefundOutcomes: money.ProcessedIsFinal})),
    Mutant(
        "dispute_news_in_any_order",
        ("B6", "D2"),
        Cast({DisputeOutcomes: disputes.BelievesOldNews}),
        Seen.WITHOUT_JANITOR,
    ),
    Mutant("dispute_holds_nothing", ("C11",), Cast({RefundableStore: disputes.HoldsNothing})),
    Mutant("dispute_not_booked", ("I4", "D5"), Cast({Facts: disputes.BooksNoDeductions})),
    Mutant(
        "dispute_end_is_the_last", ("D8",), Cast({DisputeOutcomes: disputes.TakesEndsForTheLast}), Seen.WITH_JANITOR
    ),
    Mutant("walk_forgets_its_place", ("R9",), Cast({SweepStore: sweeps.ForgetsItsPlace}), Seen.WITH_SWEEPS),
    Mutant("walk_reads_only_what_is_new", ("D8",), Cast({SweepStore: sweeps.ReadsOnlyWhatIsNew}), Seen.WITH_SWEEPS),
    Mutant("walk_without_fence", ("P3",), Cast({SweepStore: sweeps.LeasesWithoutFence}), Seen.WITH_SWEEPS),
    Mutant("list_not_enrolled", ("D8",), Cast({SweepStore: sweeps.LeavesDisputesOut}), Seen.WITH_SWEEPS),
    Mutant("page_read_before_applied", ("P2", "R9"), Cast({Sweeps: sweeps.CountsBeforeApplying}), Seen.WITH_SWEEPS),
    Mutant("list_believed", ("D2",), Cast({Sweeps: sweeps.BelievesTheList}), Seen.WITH_SWEEPS),
    Mutant("orphans_left_in_the_list", ("A4",), Cast({Sweeps: sweeps.LeavesOrphans}), Seen.WITH_SWEEPS),
    Mutant("trouble_ends_the_walk", ("R9",), Cast({Sweeps: sweeps.TakesTroubleForTheEnd}), Seen.WITH_SWEEPS),
    Mutant(
        "old_payout_believed", ("D2",), Cast({SettlementOutcomes: settlements.BelievesOldPayouts}), Seen.WITH_SWEEPS
    ),
    Mutant("return_not_booked", ("I4",), Cast({Facts: settlements.BooksNoReturns}), Seen.WITH_SWEEPS),
    Mutant("refund_fee_not_booked", ("D5",), Cast({SettlementOutcomes: settlements.BooksNoRefundFees})),
    Mutant("report_read_to_its_first_page", ("R9",), Cast({Reconciling: settlements.ReadsOnePage})),
    Mutant(
        "line_judged_without_asking",
        ("R9",),
        Cast({Reconciling: settlements.JudgesWithoutAsking}),
        Seen.WITHOUT_JANITOR,
    ),
    Mutant(
        "line_told_twice", ("R9",), Cast({LineStore: settlements.TellsLinesAgain}, without=frozenset({"tenant_line"}))
    ),
    Mutant("no_reconciler", ("B2", "D8"), Cast(reconciles=False), Seen.WITH_JANITOR),
)
"""Every mistake; `rows` names what each would break."""
