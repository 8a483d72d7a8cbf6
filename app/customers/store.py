"""Every query and index of customers, and of what each payment added to one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson.int64 import Int64
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.customers.erasures_store import ErasureStore
from app.customers.models import Customer, Erasure, Purchase, Turnover
from app.customers.places import place, place_of
from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope
from app.web.paging import Window

_CUSTOMERS = "customers"
_PURCHASES = "customer_payments"
_TRIES = 5

COLLECTIONS = (
    Collection(
        _CUSTOMERS,
        (
            Index("tenant_identity", [("tenant", 1), ("mode", 1), ("identity", 1)], unique=True),
            Index("tenant_key", [("tenant", 1), ("mode", 1), ("keys", 1)]),
            Index("tenant_place", [("tenant", 1), ("mode", 1), ("place", -1)]),
        ),
        shard_key=BY_MERCHANT,
    ),
    Collection(
        _PURCHASES,
        (Index("tenant_customer", [("tenant", 1), ("mode", 1), ("customer_id", 1), ("_id", -1)]),),
        shard_key=BY_MERCHANT,
    ),
)

Change = Callable[[Customer | None, Purchase | None], tuple[Customer, Purchase] | None]
"""Told who a payment's customer is and what it added before; returns both as they shall be, None when they are so."""


@dataclass(frozen=True, slots=True)
class CustomerStore:
    """Keeps customers in the order of their last payment, and what each payment added."""

    database: Database

    async def find_customer(self, scope: Scope, customer_id: str) -> Customer | None:
        """Return a customer of this scope."""
        document = await self._customers.find_one({"_id": {"$eq": customer_id}, **_in(scope)})
        return None if document is None else _customer(document)

    async def find_of_payment(self, scope: Scope, payment_id: str) -> Customer | None:
        """Return whose payment it is, once it is completed and counted."""
        row = await self._purchases.find_one({"_id": {"$eq": payment_id}, **_in(scope)})
        return None if row is None else await self.find_customer(scope, row["customer_id"])

    async def list_customers(self, scope: Scope, *, window: Window) -> list[Customer]:
        """Return the rows of one page and one more, who paid last first.

        A cursor is that of a row, or a customer's id: then their place is looked up, and nobody's shows none.
        """
        cursor = window.starting_after or window.ending_before
        if cursor is not None:
            known = place_of(cursor) or await self._find_place(scope, cursor)
            if known is None:
                return []
            is_backward = window.is_backward
            window = replace(window, ending_before=known) if is_backward else replace(window, starting_after=known)
        query = {"$and": [_in(scope), window.filter(field="place")]}
        rows = self._customers.find(query).sort(window.sort(field="place")).limit(window.fetch_limit)
        return [_customer(document) async for document in rows]

    async def list_known_by(self, scope: Scope, keys: Sequence[str], *, limit: int) -> list[Customer]:
        """Return the customers who have one of these keys, who paid last first."""
        query = {**_in(scope), "keys": {"$in": list(keys)}}
        cursor = self._customers.find(query).sort([("place", -1)]).limit(limit)
        return [_customer(document) async for document in cursor]

    async def list_payment_ids(self, scope: Scope, customer_id: str, *, window: Window) -> list[str]:
        """Return the ids of one page of a customer's payments and of one more, in the window's order."""
        query = {"$and": [{**_in(scope), "customer_id": {"$eq": customer_id}}, window.filter()]}
        cursor = self._purchases.find(query, {"_id": 1}).sort(window.sort()).limit(window.fetch_limit)
        return [row["_id"] async for row in cursor]

    async def list_counted(self, scope: Scope, customer_id: str, *, after: str, limit: int) -> list[str]:
        """Return the payments that were counted for somebody, in the order of their ids, behind one."""
        query = {**_in(scope), "customer_id": customer_id, "_id": {"$gt": after}}
        return [row["_id"] async for row in self._purchases.find(query, {"_id": 1}).sort("_id", 1).limit(limit)]

    async def has_payment_of(self, scope: Scope, customer_id: str, payment_ids: Sequence[str]) -> bool:
        """Tell whether one of some payments was counted for somebody."""
        query = {**_in(scope), "_id": {"$in": list(payment_ids)}, "customer_id": customer_id}
        return await self._purchases.find_one(query, {"_id": 1}) is not None

    async def remove_customers(self, scope: Scope, erasure: Erasure, *, session: Session) -> None:
        """Remove whoever is erased, also under the id under which they were made anew of payments from before.

        What each payment added stays: it says of nobody who they are, and which payments were theirs.
        """
        again = {"identity": {"$in": list(erasure.own)}, "first_paid_at": {"$lte": erasure.began_at}}
        either = {"$or": [{"_id": erasure.customer_id}, again]}
        await self._customers.delete_many({**_in(scope), **either}, session=session)

    async def change_customer(
        self, scope: Scope, payment_id: str, *, own_keys: Sequence[str], made_at: datetime, change: Change
    ) -> bool:
        """Write what a payment changes about its customer, in one transaction; tell whether it changed anything.

        Nothing, when whoever paid was erased after the payment was made.

        The customer is whose the payment was counted for before, else who has one of their own keys. Two payments of
        one customer at once follow each other: the later transaction begins anew.
        """
        erasures = ErasureStore(self.database)

        async def work(session: Session) -> bool:
            if await erasures.covers(scope, own_keys, made_at=made_at, session=session):
                return False
            row = await self._purchases.find_one({"_id": payment_id, **_in(scope)}, session=session)
            before = None if row is None else row["customer_id"]
            found = await self._find(scope, before, own_keys, session)
            is_same = row is not None and found is not None and found["_id"] == before
            changed = change(
                None if found is None else _customer(found), _purchase(row) if row is not None and is_same else None
            )
            if changed is None:
                return False
            customer, purchase = changed
            for collection, document in (
                (self._customers, _customer_to_document(scope, customer)),
                (self._purchases, _purchase_to_document(scope, purchase, customer.id)),
            ):
                one = {"_id": document["_id"], **_in(scope)}
                await collection.replace_one(one, document, upsert=True, session=session)
            return True

        for _ in range(_TRIES - 1):
            try:
                return await self.database.transaction(work)
            except DuplicateKeyError:
                # Their first payment was counted at the same time by another worker: now they are there.
                continue
        return await self.database.transaction(work)

    async def _find(
        self, scope: Scope, customer_id: str | None, own_keys: Sequence[str], session: Session
    ) -> Document | None:
        for whose in ({"_id": customer_id}, {"identity": {"$in": list(own_keys)}}):
            found = await self._customers.find_one({**_in(scope), **whose}, session=session)
            if found is not None:
                return found
        return None

    async def _find_place(self, scope: Scope, customer_id: str) -> str | None:
        row = await self._customers.find_one({"_id": {"$eq": customer_id}, **_in(scope)}, {"place": 1})
        return None if row is None else row["place"]

    @property
    def _customers(self) -> AsyncCollection[Document]:
        return self.database.collection(_CUSTOMERS)

    @property
    def _purchases(self) -> AsyncCollection[Document]:
        return self.database.collection(_PURCHASES)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _customer_to_document(scope: Scope, customer: Customer) -> Document:
    return {
        "_id": customer.id,
        **_in(scope),
        "identity": customer.identity,
        "keys": list(customer.keys),
        "payer": customer.payer,
        "named_at": customer.named_at,
        "first_paid_at": customer.first_paid_at,
        "last_paid_at": customer.last_paid_at,
        "place": place(customer.last_paid_at, customer.id),
        "turnovers": [
            {"currency": currency, **_turnover_to_document(turnover)}
            for currency, turnover in sorted(customer.turnovers.items())
        ],
    }


def _customer(document: Document) -> Customer:
    return Customer(
        id=document["_id"],
        scope=Scope(document["tenant"], Mode(document["mode"])),
        identity=document["identity"],
        keys=tuple(document["keys"]),
        payer=document["payer"],
        named_at=document["named_at"],
        first_paid_at=document["first_paid_at"],
        last_paid_at=document["last_paid_at"],
        turnovers={row["currency"]: _turnover(row) for row in document["turnovers"]},
    )


def _purchase_to_document(scope: Scope, purchase: Purchase, customer_id: str) -> Document:
    return {
        "_id": purchase.payment_id,
        **_in(scope),
        "customer_id": customer_id,
        "version": purchase.version,
        "currency": purchase.currency,
        **_turnover_to_document(purchase.turnover),
        "paid_at": purchase.paid_at,
    }


def _purchase(document: Document) -> Purchase:
    return Purchase(
        payment_id=document["_id"],
        version=document["version"],
        currency=document["currency"],
        turnover=_turnover(document),
        paid_at=document["paid_at"],
    )


def _turnover_to_document(turnover: Turnover) -> Document:
    return {
        "payments": turnover.payments,
        "captured": Int64(turnover.captured),
        "refunded": Int64(turnover.refunded),
    }


def _turnover(document: Mapping[str, Any]) -> Turnover:
    # An amount is a plain integer here: the driver's own sort of integer is no money.
    return Turnover(document["payments"], int(document["captured"]), int(document["refunded"]))
