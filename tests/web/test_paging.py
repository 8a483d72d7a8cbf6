"""Walking pages visits each row once, in either direction, also while rows are inserted (N15)."""

from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.database import Database
from app.web.paging import PageQuery, Slice, Window, document_id


@dataclass
class Rows:
    """What Mongo would answer to the filter and sort of a window."""

    ids: set[str] = field(default_factory=set)

    def page(self, window: Window) -> Slice[str]:
        condition = window.filter().get("_id", {})
        found = [
            row
            for row in self.ids
            if row > condition.get("$gt", "") and ("$lt" not in condition or row < condition["$lt"])
        ]
        found.sort(reverse=window.sort() == [("_id", -1)])
        return Slice.cut(found[: window.fetch_limit], window, id_of=str)


def row(number: int) -> str:
    return f"row_{number:06d}"


@given(
    present=st.sets(st.integers(0, 500), max_size=60),
    limit=st.integers(1, 7),
    inserts=st.lists(st.sets(st.integers(501, 900), max_size=3), max_size=80),
    is_backward=st.booleans(),
)
def test_n15_a_walk_visits_each_row_once_while_rows_are_inserted(
    present: Any, limit: Any, inserts: Any, is_backward: Any
) -> None:
    rows = Rows({row(number) for number in present})
    before = set(rows.ids)
    cursor = row(0)[:4] if is_backward else None
    seen: list[str] = []
    for step in range(200):
        window = (
            Window(limit=limit, ending_before=cursor) if is_backward else Window(limit=limit, starting_after=cursor)
        )
        page = rows.page(window)
        assert len(page.rows) <= limit
        assert list(page.rows) == sorted(page.rows, reverse=True)
        seen += page.rows
        assert page.has_more == (page.next_cursor is not None)
        if not page.has_more:
            break
        cursor = page.next_cursor
        rows.ids |= {row(number) for number in (inserts[step] if step < len(inserts) else ())}
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@given(present=st.sets(st.integers(0, 500), min_size=1, max_size=60), limit=st.integers(1, 7))
def test_a_walk_forward_and_back_shows_the_same_rows(present: Any, limit: Any) -> None:
    rows = Rows({row(number) for number in present})
    forward: list[str] = []
    cursor = None
    while True:
        page = rows.page(Window(limit=limit, starting_after=cursor))
        forward += page.rows
        if not page.has_more:
            break
        cursor = page.next_cursor
    back: list[str] = [forward[-1]]
    while page := rows.page(Window(limit=limit, ending_before=back[0])):
        back = [*page.rows, *back]
        if not page.has_more:
            break
    assert back == forward == sorted(rows.ids, reverse=True)


async def test_the_filter_and_sort_mean_the_same_to_a_real_database(mongodb_url: str, database_name: str) -> None:
    database = Database.connect(mongodb_url, name=f"{database_name}-paging")
    collection = database.collection("rows")
    await collection.delete_many({})
    await collection.insert_many([{"_id": row(number)} for number in range(10)])

    async def page(window: Window) -> Slice:
        cursor = collection.find(window.filter()).sort(window.sort()).limit(window.fetch_limit)
        return Slice.cut(await cursor.to_list(), window, id_of=document_id)

    first = await page(Window(limit=4))
    assert [document["_id"] for document in first.rows] == [row(9), row(8), row(7), row(6)]
    second = await page(Window(limit=4, starting_after=first.next_cursor))
    assert [document["_id"] for document in second.rows] == [row(5), row(4), row(3), row(2)]
    back = await page(Window(limit=4, ending_before=row(5)))
    assert back == first.__class__(rows=first.rows, has_more=False, next_cursor=None)
    shown = second.read(document_id)
    assert (shown.items[0], shown.has_more, shown.next_cursor) == (row(5), True, row(2))
    await database.client.drop_database(database.name)
    await database.close()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=1000000000",
        "limit=-1",
        "limit=x",
        "limit=1.5",
        "limit=",
        "skip=5",
        "starting_after=%24gt",
        "starting_after[$gt]=",
        "ending_before=a%00b",
        "starting_after=pmt_1&ending_before=pmt_2",
        "starting_after=" + "a" * 500,
    ],
)
async def test_n15_a_bad_page_is_422(client: httpx2.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/v1/things?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_failed")


async def test_a_page_is_20_rows_unless_asked_otherwise(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/things")).json()["limit"] == 20
    assert (await client.get("/api/v1/things?limit=100")).json()["limit"] == 100


def test_a_query_gives_its_window() -> None:
    query = PageQuery(limit=5, ending_before="pmt_1")
    assert query.window() == Window(limit=5, ending_before="pmt_1")
    with pytest.raises(ValidationError, match="exclude each other"):
        PageQuery(starting_after="pmt_1", ending_before="pmt_2")
