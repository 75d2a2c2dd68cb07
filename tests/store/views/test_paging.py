"""Cursors: opaque, whole, and good for one list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsys.store.views.paging import BadCursor, Place, cut, from_cursor, to_cursor

NUMBERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(st.text(), st.lists(NUMBERS | st.text(max_size=100), max_size=3).map(tuple))
def test_a_cursor_gives_back_its_place(of: str, place: Place) -> None:
    assert from_cursor(of, to_cursor(of, place), [type(each) for each in place]) == place


@given(st.text(max_size=1200))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        from_cursor("list", text, [str])


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    cursor = to_cursor("list", (17, "id"))
    index = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != cursor[index]))
    with pytest.raises(BadCursor):
        from_cursor("list", cursor[:index] + other + cursor[index + 1 :], [int, str])


@pytest.mark.parametrize("kinds", [[], [int], [str], [int, int], [str, str], [int, str, str]])
def test_a_cursor_of_other_columns_is_refused(kinds: list[type[int] | type[str]]) -> None:
    with pytest.raises(BadCursor):
        from_cursor("list", to_cursor("list", (17, "id")), kinds)


def test_a_page_has_a_cursor_only_where_more_follows() -> None:
    def place(number: int) -> Place:
        return (number,)

    assert cut([1, 2], 2, "list", place) == ([1, 2], None)
    page, following = cut([1, 2, 3], 2, "list", place)
    assert page == [1, 2]
    assert following is not None
    assert from_cursor("list", following, [int]) == (2,)
