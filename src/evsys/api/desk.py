"""What the handlers take: the office, and the parameters that all lists share."""

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from evsys.office.office import Office
from evsys.store.views.paging import MAX_CURSOR_CHARACTERS, MAX_PAGE

Desk = NamedDependency[SkipValidation[Office]]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor = Annotated[
    str,
    QueryParameter(max_length=MAX_CURSOR_CHARACTERS, description="`next` of the page before."),
]
