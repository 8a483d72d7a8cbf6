"""A link forgets whom it was sent to, and a resend at the same moment does not bring them back (T11)."""

from app.links.store import Named
from app.payments.models import ERASED
from tests.customers.conftest import ASHA, RAVI

PATH = "/api/v1/payment-links"


async def stored(counter, link):
    return await counter.shop.wiring.links.links.store.find_link(counter.scope, link["id"])


async def test_t11_an_erased_link_is_shown_for_nobody_and_sent_to_nobody_until_somebody_else_is_named(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    link = await counter.send_link({"email": ASHA["email"], "phone": ASHA["contact"]})
    other = await counter.send_link({"email": ASHA["email"], "phone": RAVI["contact"]})
    await counter.erase(customer)
    ask = counter.shop.merchant.ask
    assert (await ask("GET", f"{PATH}/{link['id']}")).data["notify"] is None
    # Whoever has another number is another customer.
    assert (await ask("GET", f"{PATH}/{other['id']}")).data["notify"] is not None
    before = len(await counter.shop.rows("notices"))
    again = await ask("POST", f"{PATH}/{link['id']}/resend")
    assert (again.status, len(await counter.shop.rows("notices"))) == (200, before)
    counter.shop.clock.advance(seconds=61)
    renamed = await ask("POST", f"{PATH}/{link['id']}/resend", {"notify": {"phone": RAVI["contact"]}})
    assert renamed.data["notify"] == {"email": None, "phone": "+********9801"}


async def test_t11_whoever_saw_the_link_before_it_was_erased_does_not_write_the_name_back(counter):
    link = await counter.send_link({"email": ASHA["email"]})
    store, seen = counter.shop.wiring.links.links.store, await stored(counter, link)
    named = Named(seen.id, seen.notify, seen.created_at)
    assert await store.list_named(counter.scope, after="", limit=10) == ([named], seen.id)
    assert await store.erase_notify(counter.scope, named)
    assert not await store.erase_notify(counter.scope, named)

    async def nothing(session):
        assert session is not None

    at = counter.shop.clock.now()
    assert not await store.record_resent(counter.scope, seen, at=at, notify=seen.notify, also=nothing)
    assert (await stored(counter, link)).notify == ERASED
    assert await store.list_named(counter.scope, after="", limit=10) == ([], seen.id)
    assert await store.list_named(counter.scope, after=seen.id, limit=10) == ([], None)
