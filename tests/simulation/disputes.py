"""The story of a dispute: what a customer's bank asks back, what the merchant answers, and how it ends.

An event tells of a dispute, or the walk through the processor's list of them where events are lost.
"""

from collections.abc import Callable
from typing import Any

from app.disputes.service import Disputes
from app.gateways.contest import Contest
from app.gateways.port import DisputeStatus
from tests.simulation.bank import Quarrel
from tests.simulation.house import House
from tests.simulation.people import insist
from tests.simulation.world import SCOPE, World

_DAY = 86_400.0
_CONTEST = Contest(summary="It was delivered.", documents={}, is_final=True)


async def customers_banks(world: World) -> None:
    """Ask back now and then what was paid, once a payment."""
    for seconds in (60, 3600, _DAY, 3 * _DAY):
        await world.sleep(seconds)
        asked = {one.payment_id for one in world.processor.bank.rows.values()}
        own = {row["payment_id"] for row in world.database.rows("payments").values() if row["status"] == "completed"}
        for charge in list(world.processor.charges.values()):
            if charge.id in own - asked and world.hears_of_all and world.rng.random() < 0.15:
                world.note("bank", "asks back", charge.id)
                world.start_outside(quarrel(world, world.processor.bank.open(charge)))


async def quarrel(world: World, made: Quarrel) -> None:
    """Let the merchant answer or not, and the bank decide; and decide otherwise later, where somebody will look."""
    await world.sleep(world.rng.choice((5, 600, _DAY)))
    answer = world.rng.choice((None, "accept", "contest"))
    known = [row for row in world.database.rows("disputes").values() if row["gateway_dispute_id"] == made.id]
    if answer and known:
        await insist(world, f"{answer} {made.id}", _answering(answer, known[0]["_id"]))
    await world.sleep(world.rng.choice((600, 2 * _DAY)))
    if made.status in {DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW}:
        world.processor.bank.decide(made, world.rng.choice((DisputeStatus.WON, DisputeStatus.LOST)))
    if world.rng.random() < 0.3:
        await world.sleep(world.rng.choice((5, 600)))
        world.processor.bank.tell_again(made)
    if made.status is DisputeStatus.LOST and world.janitor.checks and world.rng.random() < 0.3:
        # An old message can't move a dispute back, so this one is believed only when the processor is asked.
        await world.sleep(_DAY)
        world.processor.bank.decide(made, DisputeStatus.WON)


def _answering(answer: str, dispute_id: str) -> Callable[[House], Any]:
    async def ask(house: House) -> Any:
        if answer == "accept":
            return await house[Disputes].accept_dispute(SCOPE, dispute_id)
        return await house[Disputes].contest_dispute(SCOPE, dispute_id, _CONTEST)

    return ask
