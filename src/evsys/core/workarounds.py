"""Workarounds: what is done differently for a station because its model needs it, and which models do.

A model profile says by patterns of vendor, model and firmware, as a boot reports them, who needs what. People
may name another profile for a station, or set single workarounds: theirs hold before the profile's. What
nobody has set is as the standard has it.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

Positive = Annotated[int, Meta(ge=1, le=86_400)]


class Workarounds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done differently. Nothing set: the station is dealt with as the standard has it."""

    # What is asked of it
    never_trigger: Annotated[tuple[Annotated[str, Meta(max_length=50)], ...], Meta(max_length=20)] | None = (
        None
    )
    """Messages that are never triggered: some stations restart on it, some do not answer."""
    configuration_keys_per_request: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """GetConfiguration asks for so many keys at a time."""
    configuration_by_name: bool | None = None
    """GetConfiguration always names keys: asked for all, the station refuses or cuts its answer."""
    keep_configuration: bool | None = None
    """Its configuration is not written without being asked: it restarts in a loop after some writes."""
    read_back: bool | None = None
    """A value that was written is read again: the station accepts what it does not do."""
    operative_after_boot: bool | None = None
    """It is put into service after each boot: it comes up out of service."""
    min_sample_interval_s: Positive | None = None
    """It sends meter values no more often than this."""
    call_timeout_s: Annotated[int, Meta(ge=1, le=600)] | None = None
    """How long it may take to answer."""
    hex_id_tags: bool | None = None
    """A remote start takes only tokens of hexadecimal digits, and upper case."""
    remote_start_connector: Literal["required", "refused"] | None = None
    """Whether a remote start must name a connector, or must not."""
    # Charging profiles
    stack_level: Annotated[int, Meta(ge=0, le=100)] | None = None
    """The only stack level that it takes."""
    current_steps_a: (
        Annotated[tuple[Annotated[int, Meta(ge=1, le=1000)], ...], Meta(max_length=100)] | None
    ) = None
    """The only currents that it can be limited to; a limit is rounded down to one of them."""
    zero_is_unlimited: bool | None = None
    """It takes a limit of 0 as none, so none of 0 is sent."""
    no_station_limit: bool | None = None
    """It does not keep to a limit of the whole station, which is said as the default of its transactions."""
    # What it says
    mend_json: bool | None = None
    """Missing values and surplus commas in its messages are mended."""
    time_zone: Annotated[str, Meta(max_length=64)] | None = None
    """Where its clock is, for times without a zone (an IANA name)."""
    id_tag_suffix: Annotated[str, Meta(min_length=1, max_length=5)] | None = None
    """What stands before something that it appends to the token it read."""
    energy_factor: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """What its energy registers are to be multiplied by to be Wh."""


STANDARD: Final = Workarounds()
NO_PROFILE: Final = "none"
"""The name that stands for no profile, whatever the station says it is."""


class ModelProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A family of stations. Patterns know `*` and `?`, without regard to letter case."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    vendor: Annotated[str, Meta(min_length=1, max_length=255)]
    model: Annotated[str, Meta(max_length=255)] = "*"
    firmware: Annotated[str, Meta(max_length=255)] = "*"
    note: str = ""
    """What people should know."""
    sources: tuple[str, ...] = ()
    """Where that was learnt."""
    workarounds: Workarounds = STANDARD

    def fits(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether a station that calls itself so is one of them."""
        said = ((vendor, self.vendor), (model, self.model), (firmware, self.firmware))
        return all(fnmatchcase(word.strip().lower(), pattern.lower()) for word, pattern in said)


class Models:
    """The profiles that are known; of several that fit the first one counts."""

    def __init__(self, profiles: Iterable[ModelProfile] = ()) -> None:
        self.profiles: Sequence[ModelProfile] = tuple(profiles)

    def named(self, name: str) -> ModelProfile | None:
        return next((each for each in self.profiles if each.name == name), None)

    def profile(self, named: str, vendor: str, model: str, firmware: str) -> ModelProfile | None:
        """The profile of a station: the one that people named for it, else the first that fits."""
        if named:
            return self.named(named)
        if not vendor and not model:
            return None
        return next((each for each in self.profiles if each.fits(vendor, model, firmware)), None)


def together(own: Workarounds, profile: ModelProfile | None) -> Workarounds:
    """What holds for a station: what people set for it, else what its profile has."""
    if profile is None:
        return own
    given = {name: value for name, value in asdict(own).items() if value is not None}
    return replace(profile.workarounds, **given) if given else profile.workarounds


def fault(workarounds: Workarounds) -> str:
    """What is wrong although every value has its type; empty where nothing is."""
    try:
        if workarounds.time_zone:
            ZoneInfo(workarounds.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"time_zone: {workarounds.time_zone!r} is not a time zone; write one such as Europe/Madrid"
    return ""
