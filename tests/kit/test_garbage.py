"""What start-up made is walked through once and never again."""

import gc

from app.kit.garbage import spare_the_lasting


def test_the_collector_leaves_alone_what_was_there_and_takes_what_comes_later():
    before = gc.get_threshold(), gc.get_freeze_count()
    gc.set_threshold(700, 10, 10)
    try:
        spare_the_lasting()
        assert gc.get_freeze_count() > before[1]
        assert gc.get_threshold()[0] > 700
        loop = []
        loop.append(loop)
        del loop
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*before[0])
