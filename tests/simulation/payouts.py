"""The story of the payouts: the processor settles now and then, and a bank sends back what it can't place."""

from collections.abc import Callable
from typing import Any

from app.outbox.service import Outbox
from app.settlements.events import RECONCILE
from tests.simulation.house import SCOPE, House
from tests.simulation.people import insist
from tests.simulation.settling import Payout, Status
from tests.simulation.world import World

_DAY = 86_400.0
_DAYS_ON_CALL = 12


async def payouts(world: World) -> None:
    """Settle what there is, and days later the rest; only where somebody hears of it."""
    if not world.hears_of_all or world.rng.random() < 0.4:
        return
    for seconds in (_DAY / 2, _DAY, 2 * _DAY, 3 * _DAY, 6 * _DAY):
        await world.sleep(seconds)
        made = world.processor.till.settle(is_told_next_day=world.rng.random() < 0.2)
        if made is not None:
            world.note("processor", "settles", made.id)
            world.start_outside(payout(world, made))


async def payout(world: World, made: Payout) -> None:
    """Pay, and let the bank send it back where somebody reads the list; it may be tried again."""
    till = world.processor.till
    await world.sleep(world.rng.choice((0, 0, 600, _DAY / 2)))
    till.pay(made)
    paid = made.shown()
    if not world.janitor.sweeps or world.rng.random() < 0.7:
        return
    await world.sleep(world.rng.choice((60, 3600, _DAY)))
    world.note("bank", "sends back", made.id)
    till.send_back(made)
    await world.sleep(world.rng.choice((3600, _DAY)))
    if world.rng.random() < 0.5:
        # An event may come for a day, and tell of what is over.
        till.tell(paid)
    if made.status is Status.FAILED and world.rng.random() < 0.5 and till.try_again(made):
        world.note("bank", "is paid again", made.id)


async def operator(world: World) -> None:
    """Replay once a day the comparisons that were given up after twenty tries, as the alarm asks people to do (P4)."""
    for _ in range(_DAYS_ON_CALL):
        for row in list(world.database.rows("outbox").values()):
            if row["state"] == "parked" and row["name"] == RECONCILE:
                await insist(world, f"replay {row['_id']}", _replaying(row["_id"]))
        await world.sleep(_DAY)


def _replaying(item_id: str) -> Callable[[House], Any]:
    async def ask(house: House) -> Any:
        return await house[Outbox].replay_item(SCOPE, item_id)

    return ask
