"""How the dashboard's pages grow: each over few payments and over many, and the ratio of the two.

`python -m benchmarks.pages` starts a database of its own, fills it twice and asks for the pages within this process.
The aim is 1.5: a list, a search and the first page cost over a million payments what they cost over ten thousand.
"""

import argparse
import asyncio
import re
import statistics
import time
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2

from app.auth.service import NewUser
from app.config import Settings
from app.kit.logs import configure_logs
from app.kit.scope import Mode, Scope
from app.local.embedded import EmbeddedMongod, become_primary
from app.local.seed_payments import Seeding, seed_payments
from app.main import create_app
from app.payments.store import PAYMENTS
from app.wiring import Wiring, wire

PASSWORD = "a phrase for measuring"  # noqa: S105  of a database that is thrown away
EMAIL = "owner@example.com"
AIM = 1.5


async def measure(url: str, count: int, *, turns: int, days: int) -> dict[str, float]:
    """Return the median milliseconds of each page over a database with so many payments."""
    settings = Settings(_env_file=None, mongodb_url=url, database_name=f"pages-{count}", log_level="ERROR")
    wiring = wire(settings)
    await wiring.start()
    try:
        scope = await fill(wiring, count, days=days)
        paths = await paths_of(wiring, scope, days=days)
        transport = httpx2.ASGITransport(app=create_app(settings, wiring=wiring))
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8000", headers={"Accept": "text/html"}
        ) as browser:
            await sign_in(browser)
            return {name: await timed(browser, path, turns=turns) for name, path in paths.items()}
    finally:
        await wiring.close()


async def fill(wiring: Wiring, count: int, *, days: int) -> Scope:
    """Make a merchant with so many payments, and count them ahead as the worker does."""
    new = NewUser(email=EMAIL, password=PASSWORD, full_name="An Owner")
    user = await wiring.accounts.sign_up(new, merchant_name="A Shop")
    assert user is not None
    scope = Scope(user.tenant, Mode.TEST)
    asked = Seeding(scope=scope, count=count, days=days, until=wiring.clock.now())
    started = time.perf_counter()
    await seed_payments(wiring, asked, say=lambda line: print(line, end="\r"))
    inserted = time.perf_counter()
    # The newest half hours are due again within seconds: enough is counted once the span is through.
    while await wiring.analytics.counting.count_next():
        if time.perf_counter() - inserted > 1200:
            break
    counted = time.perf_counter()
    print(f"{count} payments: inserted in {inserted - started:.0f} s, counted in {counted - inserted:.0f} s")
    return scope


async def paths_of(wiring: Wiring, scope: Scope, *, days: int) -> dict[str, str]:
    """Return the pages to ask for: the middle of the list is as far from both ends as can be."""
    rows = wiring.database.collection(PAYMENTS)
    middle = wiring.clock.now() - timedelta(days=days / 2)
    document = await rows.find_one(
        {"tenant": scope.tenant, "mode": "test", "created_at": {"$lt": middle}}, sort=[("_id", -1)]
    )
    assert document is not None
    return {
        "home, 30 days": "/dashboard?days=30",
        "list": "/dashboard/payments",
        "list, in the middle": f"/dashboard/payments?starting_after={document['_id']}",
        "list, by status and days": f"/dashboard/payments?status=failed&until={middle:%Y-%m-%d}",
        "search by amount": "/dashboard/payments?q=499.00",
        "search by reference": f"/dashboard/payments?q={document['reference']}",
        "search by order": f"/dashboard/payments?q={document['order_id']}",
        "payment": f"/dashboard/payments/{document['_id']}",
    }


async def sign_in(browser: httpx2.AsyncClient) -> None:
    """Sign in as the owner."""
    page = await browser.get("/dashboard/sign-in")
    token = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert token is not None
    fields = {"form_token": token[1], "email": EMAIL, "password": PASSWORD}
    answer = await browser.post("/dashboard/sign-in", data=fields)
    assert answer.status_code == 303, answer.text


async def timed(browser: httpx2.AsyncClient, path: str, *, turns: int) -> float:
    """Return the median milliseconds of a page, the first looks left out."""
    spent = []
    for turn in range(turns + 5):
        started = time.perf_counter()
        answer = await browser.get(path)
        assert answer.status_code in {200, 303}, (path, answer.status_code)
        if turn >= 5:
            spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def main() -> None:
    """Measure both, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--days", type=int, default=60)
    asked = parser.parse_args()
    configure_logs(level="ERROR")
    mongod = EmbeddedMongod.ephemeral()
    mongod.prepare()
    mongod.spawn()
    try:
        become_primary(urlsplit(mongod.url).port)
        few = asyncio.run(measure(mongod.url, asked.small, turns=asked.turns, days=asked.days))
        many = asyncio.run(measure(mongod.url, asked.large, turns=asked.turns, days=asked.days))
    finally:
        mongod.close()
    print(f"{'page':28} {asked.small:>10} {asked.large:>10}  ratio")
    for name, small in few.items():
        ratio = many[name] / small
        print(
            f"{name:28} {small:7.1f} ms {many[name]:7.1f} ms  {ratio:5.2f}{'' if ratio <= AIM else '  above the aim'}"
        )


if __name__ == "__main__":
    main()
