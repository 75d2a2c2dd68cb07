"""What people give of a record: in a creation, and in a change made from a version of it."""

from datetime import datetime
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=255)]
Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]
ShortText = Annotated[str, Meta(max_length=255)]
Words = Annotated[str, Meta(max_length=2000)]
Moment = Annotated[datetime, Meta(tz=True)]
MaybeVersion = Annotated[
    int | None, QueryParameter(ge=1, le=2**31 - 1, description="Remove only where it is the present one.")
]


class Members(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what people say of a record; what is not given stays as it is. The members are those of the
    record."""

    def given(self) -> dict[str, object]:
        """The members that were given, without what says which record is meant."""
        members = {name: getattr(self, name) for name in self.__struct_fields__ if name not in IDENTITY}
        return {name: value for name, value in members.items() if value is not UNSET}


IDENTITY = frozenset(("id", "version"))
