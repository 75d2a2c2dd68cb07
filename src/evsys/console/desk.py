"""What the handlers take: the office, and what all lists share."""

from typing import Annotated, Final

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from evsys.office.office import Office
from evsys.store.views.paging import MAX_CURSOR_CHARACTERS

Desk = NamedDependency[SkipValidation[Office]]
Cursor = Annotated[str, QueryParameter(max_length=MAX_CURSOR_CHARACTERS)]
Search = Annotated[str, QueryParameter(max_length=255)]
ROWS: Final = 50
"""Rows of one page of a list."""
