"""Subscriptions: who hears of what, and where; and what became of each message.

Everybody sees their own, administrators all.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, Moment, ShortText, Version
from evsys.api.problems import documented
from evsys.api.repeats import SHOWN_ONCE
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.errors import BadCommand
from evsys.core.records import (
    Delivery,
    DeliveryState,
    DigestPeriod,
    Language,
    Severity,
    Subscription,
    SubscriptionHealth,
)
from evsys.notify.notifier import SEND_S
from evsys.office.deliveries import Tested
from evsys.office.moments import in_utc
from evsys.office.subscriptions import Made, owner_of
from evsys.store.views import notices
from evsys.store.views.notices import DeliveryFilter
from evsys.store.views.paging import DEFAULT_PAGE

MAX_NAMED: Final = 500
"""Stations, locations or kinds of one subscription."""
MAX_ADDRESS: Final = 2000
REPLAY_DAYS: Final = 30
"""How far back a replay may reach."""
MAX_OLD_S: Final = 7 * 86_400
"""The longest that an older secret stays good beside a new one."""
CHANGED: Final = documented(400, 401, 403, 404, 409, 413, 422, 503)

Name = Annotated[str, Meta(min_length=1, max_length=50)]
Address = Annotated[str, Meta(min_length=1, max_length=MAX_ADDRESS)]
Names = Annotated[tuple[Name, ...], Meta(max_length=MAX_NAMED)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=MAX_NAMED)]
InState = Annotated[DeliveryState | None, QueryParameter(name="state", description="Only those in this.")]
TimeOfDay = Annotated[str, Meta(pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9])$")]


class SubscriptionMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a subscription. Times of day are such as `22:00`, both or none; kinds are those of
    events, or `alarms`, `sessions`, `stations`, `all`."""

    title: ShortText | UnsetType = UNSET
    kinds: Names | UnsetType = UNSET
    station_ids: Ids | UnsetType = UNSET
    location_ids: Ids | UnsetType = UNSET
    min_severity: Severity | UnsetType = UNSET
    quiet_from: TimeOfDay | UnsetType = UNSET
    quiet_until: TimeOfDay | UnsetType = UNSET
    critical_passes: bool | UnsetType = UNSET
    muted_until: Moment | UnsetType | None = UNSET
    time_zone: ShortText | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    per_minute: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    report: DigestPeriod | UnsetType = UNSET


class NewSubscription(SubscriptionMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A subscription to make. An administrator may make one for somebody else: `owner`."""

    channel: Name
    address: Address
    owner: ShortText = ""


class SubscriptionChange(SubscriptionMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a subscription, made from this version of it. `paused` pauses it or lets it go on."""

    version: Version
    address: Address | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class SubscriptionList(Struct, frozen=True, kw_only=True):
    items: list[Subscription]
    next: str | None = None


class DeliveryList(Struct, frozen=True, kw_only=True):
    items: list[Delivery]
    next: str | None = None


class Health(SubscriptionHealth, frozen=True, kw_only=True):
    """How sending to a subscription goes."""

    paused: bool
    paused_reason: str
    waiting: int
    """How many messages wait, counted up to a thousand."""


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret to make; the older one stays good for so long."""

    old_for_s: Annotated[int, Meta(ge=0, le=MAX_OLD_S)] = 86_400


class NewSecret(Struct, frozen=True, kw_only=True):
    """The secret that messages are signed with from now on: shown this once."""

    secret: str


class ReplayOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be sent again: everything since."""

    since: Moment


class Replayed(Struct, frozen=True, kw_only=True):
    """How many messages are sent again."""

    messages: int


@get(
    "/subscriptions",
    guards=[needs("subscription.read")],
    responses=documented(400, 401, 403, 503),
    tags=["subscriptions"],
)
async def list_subscriptions(
    office: Desk, request: StrictRequest, limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> SubscriptionList:
    """Subscriptions in the order of their ids: one's own, for administrators all."""
    owner = None if request.auth.role == "admin" else owner_of(request.auth)
    query = partial(notices.subscriptions_page, limit=limit, cursor=cursor, owner=owner)
    items, following = await office.reader.read(query)
    return SubscriptionList(items=items, next=following)


@get(
    "/subscriptions/{subscription_id:str}",
    guards=[needs("subscription.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["subscriptions"],
)
async def get_subscription(
    office: Desk, subscription_id: FromPath[str], request: StrictRequest
) -> Subscription:
    """A subscription by its id."""
    return await office.subscriptions.of(subscription_id, request.auth)


@post(
    "/subscriptions",
    guards=[needs("subscription.edit")],
    responses=documented(400, 401, 403, 409, 413, 422, 503),
    tags=["subscriptions"],
    opt={SHOWN_ONCE: True},
)
async def create_subscription(office: Desk, data: JSONBody[NewSubscription], request: StrictRequest) -> Made:
    """Make a subscription. Where messages are signed, the secret is in the answer: shown this once. 422: the
    channel is not open."""
    members = {name: each for name, each in data.given().items() if name != "owner"}
    return await office.subscriptions.make(_in_utc(members), request.auth, data.owner)


@patch(
    "/subscriptions/{subscription_id:str}",
    guards=[needs("subscription.edit")],
    responses=CHANGED,
    tags=["subscriptions"],
)
async def change_subscription(
    office: Desk, subscription_id: FromPath[str], data: JSONBody[SubscriptionChange], request: StrictRequest
) -> Subscription:
    """Change what is given of a subscription. 409 where the version is not the present one."""
    members = _in_utc(data.given())
    changed = await office.subscriptions.edit(subscription_id, data.version, members, request.auth)
    office.deliveries.wake([subscription_id])
    return changed


@delete(
    "/subscriptions/{subscription_id:str}",
    guards=[needs("subscription.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["subscriptions"],
)
async def remove_subscription(
    office: Desk, subscription_id: FromPath[str], request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a subscription. What waits for it is not sent."""
    await office.subscriptions.drop(subscription_id, version, request.auth)


@get(
    "/subscriptions/{subscription_id:str}/health",
    guards=[needs("subscription.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["subscriptions"],
)
async def get_health(office: Desk, subscription_id: FromPath[str], request: StrictRequest) -> Health:
    """When a message was last sent, how many tries failed since, and whether it is paused."""
    subscription = await office.subscriptions.of(subscription_id, request.auth)
    health = await office.reader.read(partial(notices.health, subscription_id=subscription_id))
    count = partial(notices.count_waiting, subscription_id=subscription_id, limit=1000)
    return Health(
        **asdict(health),
        paused=subscription.paused_at is not None,
        paused_reason=subscription.paused_reason,
        waiting=await office.reader.read(count),
    )


@post(
    "/subscriptions/{subscription_id:str}/test",
    status_code=200,
    guards=[needs("subscription.edit")],
    responses=documented(400, 401, 403, 404, 409, 422, 503),
    tags=["subscriptions"],
    opt={WITHIN_S: 2 * SEND_S},
)
async def test_subscription(office: Desk, subscription_id: FromPath[str], request: StrictRequest) -> Tested:
    """Send a test message at once, also where it is paused, and say what came of it."""
    subscription = await office.subscriptions.of(subscription_id, request.auth)
    return await office.deliveries.test(subscription)


@post(
    "/subscriptions/{subscription_id:str}/replay",
    status_code=202,
    guards=[needs("subscription.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["subscriptions"],
)
async def replay(
    office: Desk, subscription_id: FromPath[str], data: JSONBody[ReplayOrder], request: StrictRequest
) -> Replayed:
    """Send again all that has happened since, thirty days back at most, whether it was sent or not: with the
    idempotency keys of the first time."""
    subscription = await office.subscriptions.of(subscription_id, request.auth)
    since = in_utc("since", data.since)
    if since < office.clock.now() - timedelta(days=REPLAY_DAYS):
        raise BadCommand(f"since: at most {REPLAY_DAYS} days ago")
    return Replayed(messages=await office.notices.replay(subscription, since))


@post(
    "/subscriptions/{subscription_id:str}/rotate-secret",
    status_code=200,
    guards=[needs("subscription.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["subscriptions"],
    opt={SHOWN_ONCE: True},
)
async def rotate_secret(
    office: Desk, subscription_id: FromPath[str], data: JSONBody[Rotation], request: StrictRequest
) -> NewSecret:
    """A new secret to sign with. Messages are signed with the older one as well, as long as is said."""
    old_for = timedelta(seconds=data.old_for_s)
    return NewSecret(secret=await office.subscriptions.rotate(subscription_id, request.auth, old_for))


@get(
    "/deliveries",
    guards=[needs("subscription.read")],
    responses=documented(400, 401, 403, 503),
    tags=["subscriptions"],
)
async def list_deliveries(
    office: Desk,
    request: StrictRequest,
    subscription: FromQuery[str] = "",
    station: FromQuery[str] = "",
    in_state: InState = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> DeliveryList:
    """What became of each message of the last weeks, the newest first: to one's own subscriptions, for
    administrators to all."""
    which = DeliveryFilter(
        subscription_id=subscription,
        station_id=station,
        state=in_state,
        owner=None if request.auth.role == "admin" else owner_of(request.auth),
    )
    query = partial(notices.deliveries_page, which=which, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return DeliveryList(items=items, next=following)


def _in_utc(members: dict[str, object]) -> dict[str, object]:
    """The members, `muted_until` in UTC. Raises BadCommand."""
    muted = members.get("muted_until")
    if isinstance(muted, datetime):
        return {**members, "muted_until": in_utc("muted_until", muted)}
    return members
