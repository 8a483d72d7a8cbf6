"""Every step of money has a fault point beside it, so that the crash there is tried (P1)."""

import pytest

from tests.crash.points import MONEY_ROOMS, STEPS, Point, points_of, unmarked
from tests.house.sources import Source, sources

_SAMPLE = """
class Refunds:
    async def send(self):
        {point}
        await {call}(1)
"""
_CALLS = {
    "a commit": "self.database.transaction",
    "a mark of the outbox": "self.store.finish_item",
    "a mark of the inbox": "self.store.finish_event",
    "a call of the processor": "self.transport.send",
}


def test_p1_no_commit_call_or_mark_of_the_money_rooms_is_without_a_point():
    found = [finding for source in sources(*MONEY_ROOMS) for finding in unmarked(source)]
    assert not found, "put faultpoint(...) of app/kit/faultpoints.py before and after: " + "; ".join(map(str, found))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_a_point_is_found(step):
    bare = Source.of("app/refunds/service.py", _SAMPLE.format(point="pass", call=_CALLS[step]))
    assert [step in finding.what for finding in unmarked(bare)] == [True]
    marked = _SAMPLE.format(point='faultpoint("refunds.sending")', call=_CALLS[step])
    assert not list(unmarked(Source.of("app/refunds/service.py", marked)))


def test_a_point_is_told_by_its_name_even_when_only_the_run_knows_a_part_of_it():
    source = Source.of("a.py", 'faultpoint("a.b")\nfaultpoint(f"gateway.{operation}.before")')
    assert list(points_of(source)) == [Point("a.py", "a.b"), Point("a.py", "gateway.{}.before")]
    assert Point("a.py", "gateway.{}.before").pattern.fullmatch("gateway.create_order.before")
    assert not Point("a.py", "a.b").pattern.fullmatch("a.bc")
    with pytest.raises(ValueError, match="written where it stands"):
        list(points_of(Source.of("a.py", "faultpoint(name)")))
