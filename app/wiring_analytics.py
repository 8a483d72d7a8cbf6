"""The part of wiring that joins the numbers with what they are counted from."""

from dataclasses import dataclass

from app.analytics.counting import Counting
from app.analytics.service import Analytics
from app.analytics.store import AnalyticsStore
from app.database import Database
from app.kit.clock import Clock
from app.payments.counting import PaymentCountStore
from app.refunds.counting import RefundCountStore


@dataclass(frozen=True, slots=True)
class AnalyticsRoom:
    """The services of the numbers."""

    analytics: Analytics
    counting: Counting


def analytics_of(database: Database, reports: Database, clock: Clock) -> AnalyticsRoom:
    """Join the services. `reports` is the database as reports see it: what was counted ahead is not of now anyway."""
    store = AnalyticsStore(database)
    counting = Counting(
        store=store, payments=PaymentCountStore(database), refunds=RefundCountStore(database), clock=clock
    )
    return AnalyticsRoom(analytics=Analytics(AnalyticsStore(reports), clock), counting=counting)
