"""Settlements and the lines of the report on them, from their shapes to our nouns."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.razorpay.translate.reading import Unreadable
from app.gateways.razorpay.translate.settlements import to_settlement, to_settlement_row
from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus, RowKind, SettlementRow
from app.kit.money import MAX_MINOR, Money
from tests.gateways.razorpay.samples import AT, PAYMENT_ID, SETTLEMENT_ID, settlement, settlement_row

SEEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
MADE_AT = datetime.fromtimestamp(AT, UTC)


def read(**changes: Any) -> GatewaySettlement:
    return to_settlement(settlement(**changes), seen_at=SEEN_AT)


def read_row(**changes: Any) -> SettlementRow:
    return to_settlement_row(settlement_row(**changes), seen_at=SEEN_AT)


def test_a_settlement_is_read_in_our_words() -> None:
    assert read(fees=590, tax=90) == GatewaySettlement(
        id=SETTLEMENT_ID,
        amount=Money(48_820, "INR"),
        fees=590,
        tax=90,
        status=GatewaySettlementStatus.PROCESSED,
        utr="1568176960vxp0rj",
        created_at=MADE_AT,
        raw={
            "id": SETTLEMENT_ID,
            "amount": 48820,
            "fees": 590,
            "tax": 90,
            "status": "processed",
            "utr": "1568176960vxp0rj",
            "created_at": AT,
        },
    )


@pytest.mark.parametrize(
    "nonsense",
    [
        {"amount": 0},
        {"fees": -1},
        {"tax": "1"},
        {"fees": 100, "tax": 101},
        {"fees": 1.5},
    ],
    ids=str,
)
def test_r7_a_settlement_whose_numbers_make_no_sense_moves_no_money(nonsense: dict[str, Any]) -> None:
    found = read(**nonsense)
    assert (found.amount, found.fees, found.tax) == (None, 0, 0)


@pytest.mark.parametrize("utr", ["N340126543210001", "AXISCN0123456789", "1568176960vxp0rj", "322206890934"])
def test_the_number_of_a_bank_is_kept_although_its_digits_may_look_like_a_card(utr: str) -> None:
    assert read(utr=utr).utr == utr


def test_s18_a_card_number_alone_is_no_number_of_a_bank() -> None:
    assert read(utr="4111111111111111").utr is None


@pytest.mark.parametrize("word", ["initiated", "", None, 5, "PROCESSED"])
def test_a_word_that_we_do_not_know_is_no_status(word: object) -> None:
    assert read(status=word).status is GatewaySettlementStatus.UNRECOGNIZED


def test_r8_a_senseless_time_is_that_of_the_hearing() -> None:
    assert read(created_at=-5).created_at == SEEN_AT


@pytest.mark.parametrize(
    "broken", [{"id": None}, {"id": "../x"}, {"amount": None}, {"amount": -1}, {"amount": MAX_MINOR + 1}], ids=str
)
def test_r7_a_settlement_without_id_or_amount_is_none(broken: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(**broken)


def test_a_line_is_read_without_anything_personal() -> None:
    found = read_row()
    assert found == SettlementRow(
        entity_id=PAYMENT_ID,
        kind=RowKind.PAYMENT,
        settlement_id=SETTLEMENT_ID,
        credit=48_820,
        debit=0,
        amount=50_000,
        fee=1_180,
        tax=180,
        currency="INR",
        created_at=MADE_AT,
        settled_at=MADE_AT + timedelta(days=1),
        method="card",
    )
    assert "someone" not in repr(found)


@pytest.mark.parametrize(
    ("word", "kind"), [("refund", "refund"), ("adjustment", "adjustment"), ("x", "other"), (None, "other")]
)
def test_the_kind_of_a_line_is_known_or_other(word: object, kind: str) -> None:
    assert read_row(type=word).kind is RowKind(kind)


def test_what_is_not_settled_yet_is_of_no_settlement() -> None:
    found = read_row(settled=False, settlement_id=None, settled_at=None)
    assert (found.settlement_id, found.settled_at) == (None, None)


@pytest.mark.parametrize("name", ["entity_id", "credit", "debit", "amount", "currency"])
@given(nonsense=st.none() | st.booleans() | st.floats() | st.integers(max_value=-1) | st.just("") | st.lists(st.none()))
def test_r7_a_line_without_its_numbers_is_none(name: str, nonsense: object) -> None:
    with pytest.raises(Unreadable):
        read_row(**{name: nonsense})
