"""How stations prove who they are: the lowest security profile, names, and keys."""

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.members import Members, ShortText
from evsys.api.problems import documented
from evsys.api.repeats import SHOWN_ONCE
from evsys.api.strict import StrictRequest
from evsys.core.credentials import HIGHEST_PROFILE
from evsys.core.records import SecurityUpgrade
from evsys.office.security import SecurityView

Profile = Annotated[int, Meta(ge=0, le=HIGHEST_PROFILE)]


class SecurityChange(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of how a station is to prove who it is, made from this version (0: the first)."""

    version: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    minimum_profile: Profile | UnsetType = UNSET
    user: ShortText | UnsetType = UNSET
    certificate_name: ShortText | UnsetType = UNSET
    allow_lower: bool = False
    """Its next connection may prove less than its last: after its board was replaced, for example."""


class NewStationKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key for a station: its AuthorizationKey, as hex digits or as a text; none: one is made."""

    key: Annotated[str, Meta(min_length=16, max_length=40)] | None = None
    require: bool = True
    """From now on the station is refused without a password."""
    send: bool = False
    """Send it to the station as well, which must be connected; it keeps its old one where it refuses."""
    replace: bool = False
    """Older keys are good no more, though the station has not used this one yet."""


class MadeStationKey(Struct, frozen=True, kw_only=True):
    """A station's key, shown this once and kept nowhere, and the user name that goes with it."""

    number: int
    user: str
    key: str


@get(
    "/stations/{station_id:str}/security",
    guards=[needs("security.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["security"],
)
async def get_security(office: Desk, station_id: FromPath[str]) -> SecurityView:
    """How a station is to prove who it is, and what it proved when it connected last."""
    return await office.security.show(station_id)


@patch(
    "/stations/{station_id:str}/security",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["security"],
)
async def change_security(
    office: Desk, station_id: FromPath[str], data: JSONBody[SecurityChange], request: StrictRequest
) -> SecurityView:
    """Change what is given of it. It holds from the station's next handshake on; a link that is there stays.
    409 where the version is not the present one."""
    members = data.given()
    allow_lower = bool(members.pop("allow_lower"))
    return await office.security.change(station_id, data.version, members, allow_lower, request.auth.name)


@post(
    "/stations/{station_id:str}/security/key",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 422, 429, 502, 503, 504),
    tags=["security"],
    opt={SHOWN_ONCE: True},
)
async def set_station_key(
    office: Desk, station_id: FromPath[str], data: JSONBody[NewStationKey], request: StrictRequest
) -> MadeStationKey:
    """Give a station a key, or the next one, and with `send` to the station itself. The one before stays good
    until the station has used this one."""
    if data.send:
        key, number = await office.upgrades.rotate(station_id, data.key, request.auth.name)
    else:
        key, number = await office.security.set_key(
            station_id, data.key, request.auth.name, data.require, data.replace
        )
    credentials = await office.security.find(station_id)
    return MadeStationKey(number=number, user=credentials.security.user or station_id, key=key)


class ProfileWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The security profile that a station is to reach."""

    profile: Annotated[int, Meta(ge=1, le=HIGHEST_PROFILE)]


class UpgradeList(Struct, frozen=True, kw_only=True):
    items: list[SecurityUpgrade]


@post(
    "/stations/{station_id:str}/security-profile",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    status_code=202,
    tags=["security"],
)
async def upgrade_station(
    office: Desk, station_id: FromPath[str], data: JSONBody[ProfileWish], request: StrictRequest
) -> SecurityUpgrade:
    """Bring a station to a higher security profile: it is given a key or a certificate, then the profile, and
    is to come back with it. What it has stays good until that has worked. 409 while another upgrade of it is
    under way."""
    return await office.upgrades.begin(station_id, data.profile, request.auth.name)


@get(
    "/stations/{station_id:str}/security-profile",
    guards=[needs("security.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["security"],
)
async def list_upgrades(office: Desk, station_id: FromPath[str]) -> UpgradeList:
    """The upgrades of a station, the newest first, each with how far it has come."""
    return UpgradeList(items=await office.upgrades.of_station(station_id))


@delete(
    "/stations/{station_id:str}/security/key",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["security"],
)
async def remove_station_keys(office: Desk, station_id: FromPath[str], request: StrictRequest) -> None:
    """Take all keys from a station. Where a password is needed it is refused from its next handshake on."""
    await office.security.remove_keys(station_id, request.auth.name)
