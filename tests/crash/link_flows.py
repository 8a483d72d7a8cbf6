"""The flows of payment links: whoever opens one for one payment ends in the same payment, also after a crash."""

from app.kit.errors import Problem
from tests.crash.actor import Actor, Step
from tests.crash.flows import Flow, delivered, fault, paid, then, worked

_VISIT = "a-visit-of-a-page"


def linked(**fields: object) -> Step:
    """Make a link, with the key that a repetition repeats."""

    async def make(actor: Actor) -> None:
        body = {"currency": "INR", "description": "Two tickets", **fields}
        status, data = await actor.ask("POST", "/payment-links", body, key="crash-link")
        if status == 201:
            actor.shop.facts["link"] = data

    return make


def opened(amount: int | None = None) -> Step:
    """Open the link and be shown its payment, or be told to come again."""

    async def open_link(actor: Actor) -> None:
        opening = actor.wiring.links.door.opening
        try:
            payment = await opening.open_payment(
                actor.shop.scope, actor.shop.facts["link"]["id"], visit=_VISIT, amount=amount
            )
        except Problem:
            # Paid, closed, or busy: the page says which, and makes nothing.
            return
        actor.shop.facts["payment"] = {"id": payment.id, "order_id": payment.order_id}

    return open_link


async def cancelled_link(actor: Actor) -> None:
    """Take the link back."""
    await actor.ask("POST", f"/payment-links/{actor.shop.facts['link']['id']}/cancel", key="crash-link-cancel")


_FIXED = linked(amount=50_000)
_CHOSEN = linked(min_amount=10_000, max_amount=90_000)
LINK_FLOWS = (
    Flow("link made", _FIXED),
    Flow("link opened", opened(), _FIXED),
    Flow("link opened, answer lost", opened(), then(_FIXED, fault("POST /v1/orders", "reset_after"))),
    Flow("link opened again for another amount", opened(70_000), then(_CHOSEN, opened(30_000))),
    Flow("link visited, once or many times", opened(), linked(amount=50_000, reusable=True)),
    Flow("link paid", worked("inbox"), then(_FIXED, opened(), paid(), delivered("payment.captured"))),
    Flow("link cancelled", cancelled_link, then(_FIXED, opened())),
)


async def links_broken(actor: Actor) -> list[str]:
    """Return the links for one payment that have more than one that could be paid, or was."""
    database = actor.wiring.database
    broken = []
    async for link in database.collection("payment_links").find({"tenant": actor.shop.tenant, "is_reusable": False}):
        of_link = {"tenant": actor.shop.tenant, "link_id": link["_id"]}
        rows = [row async for row in database.collection("payments").find(of_link)]
        counting = [row["_id"] for row in rows if row["status"] in {"pending", "authorized", "completed"}]
        if len(counting) > 1:
            broken.append(f"I1 {link['_id']} is for one payment and has {len(counting)}")
        if link["status"] == "cancelled" and any(row["status"] == "pending" for row in rows):
            broken.append(f"I14 {link['_id']} is cancelled and can be paid")
    return broken
