"""The part of wiring that joins customers with the payments that they are gathered from."""

from dataclasses import dataclass

from app.config import Settings
from app.customers.gathering import Gathering
from app.customers.keys import CustomerKeys
from app.customers.service import Customers
from app.customers.store import CustomerStore
from app.customers.tasks import CustomerJobs
from app.database import Database
from app.outbox.service import Outbox
from app.payments.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class CustomerRoom:
    """The services of customers."""

    customers: Customers
    gathering: Gathering
    jobs: CustomerJobs


def customers_of(settings: Settings, database: Database, outcomes: Outcomes, outbox: Outbox) -> CustomerRoom:
    """Join the services; clock, ids and what opens a payer are those of payments."""
    secret, previous = settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()
    store, keys = CustomerStore(database), CustomerKeys.of(secret, previous)
    gathering = Gathering(store=store, payments=outcomes.store, payers=outcomes.payers, keys=keys, ids=outcomes.ids)
    customers = Customers(store=store, payments=outcomes.store, payers=outcomes.payers, keys=keys, clock=outcomes.clock)
    return CustomerRoom(customers=customers, gathering=gathering, jobs=CustomerJobs(gathering, outbox))
