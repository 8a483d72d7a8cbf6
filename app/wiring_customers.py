"""The part of wiring that joins customers with the payments that they are gathered from, and what erases them."""

from dataclasses import dataclass

from app.audit.service import Audit
from app.config import Settings
from app.customers.erasing import Erasing
from app.customers.erasures_store import ErasureStore
from app.customers.gathering import Gathering
from app.customers.keys import CustomerKeys
from app.customers.port import Shelves
from app.customers.service import Customers
from app.customers.store import CustomerStore
from app.customers.tasks import CustomerJobs
from app.database import Database
from app.disputes.store import DisputeStore
from app.gateways.people import PeopleReader
from app.idempotency.store import IdempotencyStore
from app.inbox.erasing import EventErasing
from app.inbox.store import InboxStore
from app.outbox.service import Outbox
from app.payments.outcomes import Outcomes
from app.payments.payer_store import PayerStore


@dataclass(frozen=True, slots=True)
class CustomerRoom:
    """The services of customers."""

    customers: Customers
    gathering: Gathering
    erasing: Erasing
    events: EventErasing
    jobs: CustomerJobs


def customers_of(
    settings: Settings,
    database: Database,
    outcomes: Outcomes,
    outbox: Outbox,
    audit: Audit,
    people: PeopleReader,
    shelves: Shelves,
) -> CustomerRoom:
    """Join the services; clock, ids and what opens a payer are those of payments."""
    payers = PayerStore(database)
    events = EventErasing(InboxStore(database), people, payers, outcomes.clock)
    secret, previous = settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()
    store, keys = CustomerStore(database), CustomerKeys.of(secret, previous)
    gathering = Gathering(store=store, payments=outcomes.store, payers=outcomes.payers, keys=keys, ids=outcomes.ids)
    customers = Customers(store=store, payments=outcomes.store, payers=outcomes.payers, keys=keys, clock=outcomes.clock)
    erasing = Erasing(
        store=ErasureStore(database),
        customers=store,
        payments=payers,
        payers=outcomes.payers,
        keys=keys,
        events=events,
        shelves=shelves,
        disputes=DisputeStore(database),
        answers=IdempotencyStore(database),
        outbox=outbox,
        audit=audit,
        clock=outcomes.clock,
    )
    jobs = CustomerJobs(gathering, erasing, outbox)
    return CustomerRoom(customers=customers, gathering=gathering, erasing=erasing, events=events, jobs=jobs)
