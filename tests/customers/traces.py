"""Everything that is kept and shown, as text, and whose traces are in it."""

import re

from tests.customers.conftest import ASHA, RAVI

VPA, NAME = "ashacanaryupi@okbank", "Asha Canary"
TRACES = (ASHA["email"], "asha.canary", ASHA["contact"][3:], "ashacanaryupi", NAME, "7 Canary Lane")
OF_RAVI = (RAVI["email"], RAVI["contact"])
SEALED = re.compile(r"v1\.[0-9a-f]{8}\.[A-Za-z0-9_=-]+")
SHOWN = (
    *("payments", "customers", "refunds", "disputes", "suspense", "payment-links", "events", "outbox"),
    *("webhook-endpoints", "webhook-deliveries", "notices", "audit-log", "ledger/entries", "ledger/accounts"),
)


async def kept(counter):
    """Return everything that is stored, by collection, as text with every seal of a payer opened."""
    database, payers = counter.shop.wiring.database, counter.room.gathering.payers

    def opened(match):
        payer = payers.open(counter.scope, match.group())
        return f"{payer.email} {payer.phone}"

    found = {}
    for name in await database.db.list_collection_names():
        rows = [row async for row in database.db[name].find()]
        found[name] = SEALED.sub(opened, repr(rows))
    found["notices"] += repr([await told(counter, row["_id"]) for row in await counter.shop.rows("notices")])
    return found


async def told(counter, notice_id):
    """Return whom a notice goes to, and what is put into it."""
    notices = counter.shop.wiring.notices.notices
    private = notices.secrets.open(await notices.get_notice(counter.scope, notice_id))
    return private.to, private.facts


async def shown(counter):
    """Return everything that the API shows of lists and of each thing in them, as text."""
    ask, texts = counter.shop.merchant.ask_as_owner, []
    for path in SHOWN:
        listed = await ask("GET", f"/api/v1/{path}")
        assert listed.status == 200, (path, listed.body)
        texts.append(listed.body.decode())
        items = listed.data.get("items", ())
        texts += [
            one.body.decode()
            for item in items
            if "id" in item and path != "audit-log"
            for one in [await ask("GET", f"/api/v1/{path}/{item['id']}")]
        ]
    return texts


def traces_in(found, traces=TRACES):
    return sorted({(name, trace) for name, text in found.items() for trace in traces if trace in text})
