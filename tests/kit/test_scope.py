"""Whose money, and which."""

from app.kit.scope import Mode, Scope


def test_test_and_live_are_two_scopes_of_one_merchant() -> None:
    test, live = Scope("mer_1", Mode.TEST), Scope("mer_1", Mode.LIVE)
    assert test != live
    assert (test.livemode, live.livemode) == (False, True)
