"""A cursor of the customers' list says by itself where its row stood."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.customers.places import cursor_of, is_cursor, place, place_of
from app.kit.ids import Prefix, first_id
from app.web.paging import PageQuery
from tests.customers.test_models import NOBODY

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
ID = "cus_01KAQ7X2V8M3TZB5C6D9EFGHJK"


@given(MOMENTS, MOMENTS)
def test_a_cursor_names_the_place_of_its_row_and_has_the_form_of_every_lists_cursors(born, paid):
    row = replace(NOBODY, id=first_id(Prefix.CUSTOMER, born), last_paid_at=paid)
    cursor = cursor_of(row)
    assert place_of(cursor) == place(paid, row.id)
    assert is_cursor(cursor)
    assert PageQuery(starting_after=cursor).starting_after == cursor


def test_an_id_is_a_cursor_and_names_no_place():
    assert (is_cursor(ID), place_of(ID)) == (True, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cus_",
        "cus_1",
        ID[:-1],
        f"{ID}0",
        ID.lower(),
        ID.replace("cus", "pmt"),
        f"cus_0{'8' * 35}",
        f"cus_8{'0' * 35}",
    ],
)
def test_whatever_else_is_none(text):
    assert (is_cursor(text), place_of(text)) == (False, None)
