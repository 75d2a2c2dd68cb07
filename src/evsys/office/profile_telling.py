"""What one station is told of its charging profiles: the CALLs, and what came of them.

What is sent fits the station's limits (`core.smart_charging`), which are read from its configuration as it is
kept, else asked for once, and again when its firmware changes. What a station refuses is told it in the other
ways that mean the same, a few at most, and how that went is remembered, so that the next profile is said as
the station takes it. A refusal stands until the station boots, or the profile or the assignment changes.

Before something is sent it is written down that nobody knows what the station has. When it has taken
something, it is asked for the limits that follow (GetCompositeSchedule).
"""

from collections import Counter
from typing import Final

import msgspec
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from evsys.core.commands import (
    ChargingProfile,
    ClearChargingProfile,
    GetCompositeSchedule,
    GetVariables,
    SetChargingProfile,
)
from evsys.core.errors import (
    BadCommand,
    CallFailed,
    EvsysError,
    NotSupportedByStation,
    StationOffline,
)
from evsys.core.events import (
    ChargingProfileCleared,
    ChargingProfileTold,
)
from evsys.core.ports import Clock
from evsys.core.records import (
    ChargingLimits,
    CompositeSchedule,
    InstalledProfile,
    ProfileAssignment,
    ProfileState,
    Record,
)
from evsys.core.smart_charging import (
    LIMIT_KEYS,
    Electrics,
    Fitted,
    RateUnit,
    Unfit,
    limits_of,
    plan,
    slot,
    way,
    ways,
)
from evsys.core.work import Work
from evsys.core.workarounds import Models, Workarounds, together
from evsys.office.charging_profiles import is_of
from evsys.office.commands import Commands
from evsys.office.writing import Books
from evsys.store.views.charging_profiles import Charged
from evsys.store.views.reader import Reader

BY: Final = "charging-profiles"
"""Who asks for these commands, in their records."""
ANSWER_WITHIN_S: Final = 30
MAX_TRIES: Final = 4
"""Ways in which one profile is said, before a refusal stands."""
MAX_WAYS: Final = 40
"""Ways that are remembered of a station, of each verdict; the newest."""
COMPOSITE_S: Final = 86_400
"""How far ahead a composite schedule is asked for."""
MAX_COMPOSITES: Final = 8
"""EVSEs that are asked for after one round."""
NOT_KNOWN: Final = frozenset(("NotSupported", "NotImplemented"))
"""A station that says so has no charging profiles: it takes none said otherwise either."""

NO_STATION_LIMIT: Final = (
    "some models take no limit of the whole station: assign a TxDefaultProfile, or set no_station_limit in "
    "the workarounds of the station"
)


class ProfileTelling:
    """Tells stations of their profiles. What it writes nobody else does."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, sender: Commands, models: Models) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self._models = models
        self.told: Counter[str] = Counter()
        """What came of the profiles told to stations, by state, since the start of the process."""

    def needs(self, found: Charged) -> bool:
        """Whether a station is to be told something."""
        return bool(_to_clear(found) or self._to_send(found, found.limits))

    def _to_send(self, found: Charged, limits: ChargingLimits | None) -> list[ProfileAssignment]:
        """What the station is to be told now. Without its limits, all that is wanted and was not told."""
        planned = self._plan(found, limits) if limits is not None else {}
        return [
            each
            for each in found.assignments
            if not is_of(found.profiles.get(each.profile_id), each, found.installed.get(each.profile_id))
            or _is_due(found, found.installed[each.profile_id], planned.get(each.profile_id))
        ]

    def _plan(self, found: Charged, limits: ChargingLimits) -> dict[int, Fitted | Unfit]:
        profiles = found.profiles
        wanted = [
            (each, profiles[each.profile_id]) for each in found.assignments if each.profile_id in profiles
        ]
        return plan(wanted, limits, self._workarounds(found))

    def _workarounds(self, found: Charged) -> Workarounds:
        own, status = found.station, found.status
        if status is None:
            return own.workarounds
        profile = self._models.profile(
            own.model_profile, status.vendor, status.model, status.firmware_version
        )
        return together(own.workarounds, profile)

    async def bring(self, found: Charged) -> None:
        """Tell a station what makes its profiles as they should be, and ask what follows."""
        touched: set[int] = set()
        for there in _to_clear(found):
            await self._clear(found, there)
            touched |= _asked_of(found, there.evse_id)
        limits = await self._limits(found)
        units: set[RateUnit] = set()
        for assignment in sorted(self._to_send(found, limits), key=_in_order):
            planned = self._plan(found, limits).get(assignment.profile_id)
            if isinstance(planned, Unfit):
                await self._told(found, assignment, "UNFIT", detail=str(planned))
            elif planned is not None:
                limits, sent = await self._send(found, assignment, planned, limits)
                if sent is not None:
                    touched |= _asked_of(found, assignment.evse_id, sent)
                    units.add(sent.schedule.charging_rate_unit)
        unit = units.pop() if len(units) == 1 else None
        for evse_id in sorted(touched)[:MAX_COMPOSITES]:
            await self._ask_composite(found.station.id, evse_id, unit)

    async def _limits(self, found: Charged) -> ChargingLimits:
        """What the station takes: from its configuration as it is kept, where that says so, else from
        itself."""
        known, station_id = found.limits, found.station.id
        firmware = found.status.firmware_version if found.status is not None else ""
        is_known = known is not None and known.firmware_version == firmware
        read_at = found.configuration_at
        if read_at is not None and (known is None or read_at > known.asked_at):
            limits = limits_of(station_id, found.configuration, firmware, read_at)
        elif known is not None and is_known:
            return known
        else:
            told = await self._ask(station_id)
            limits = limits_of(station_id, told, firmware, self._clock.now())
        if known is not None and is_known:
            limits = replace(limits, accepted=known.accepted, refused=known.refused)
        await self._save(limits)
        return limits

    async def _ask(self, station_id: str) -> dict[str, str | None]:
        """The keys of its configuration that say what it takes, as far as it tells."""
        try:
            outcome = await self._sender.send(station_id, GetVariables(names=LIMIT_KEYS), BY, ANSWER_WITHIN_S)
            told = msgspec.json.decode(outcome.detail, type=_Configuration)
        except (CallFailed, msgspec.DecodeError):
            return {}
        return {each.key: each.value for each in told.keys}

    async def _send(
        self, found: Charged, assignment: ProfileAssignment, fit: Fitted, limits: ChargingLimits
    ) -> tuple[ChargingLimits, ChargingProfile | None]:
        """Send a profile in one way after the other until the station takes it. What is known of its ways
        then, and the profile as it was taken."""
        electrics = Electrics(assignment.phases, assignment.voltage_v)
        tries = ways(fit, limits, electrics, self._clock.now(), self._workarounds(found))
        taken = self._slots_of_others(found, assignment, limits)
        tries = [each for each in tries if slot(assignment.evse_id, each.profile) not in taken]
        said, detail, last = "", "", fit
        for last in tries[:MAX_TRIES]:
            await self._save(_as(found, assignment, "SENDING", self._clock, sent=last.profile))
            command = SetChargingProfile(evse_id=assignment.evse_id, profile=last.profile)
            detail = "; ".join(last.changes)
            try:
                outcome = await self._sender.send(found.station.id, command, BY, ANSWER_WITHIN_S)
                is_taken, said = outcome.accepted, outcome.status
            except CallFailed as error:
                is_taken, said, detail = False, error.code, error.description
            except (BadCommand, NotSupportedByStation) as error:
                await self._told(found, assignment, "UNFIT", detail=str(error))
                return limits, None
            except EvsysError as error:
                await self._told(found, assignment, "UNKNOWN", detail=str(error), sent=last.profile)
                raise
            limits = _learnt(limits, way(last.profile), is_taken)
            if said in NOT_KNOWN:
                break
            if is_taken:
                await self._told(found, assignment, "INSTALLED", said, detail, last.profile, limits)
                return limits, last.profile
        if last.profile.purpose == "ChargingStationMaxProfile":
            detail = f"{detail}; {NO_STATION_LIMIT}" if detail else NO_STATION_LIMIT
        await self._told(found, assignment, "REFUSED", said, detail, last.profile, limits)
        return limits, None

    def _slots_of_others(
        self, found: Charged, own: ProfileAssignment, limits: ChargingLimits
    ) -> set[tuple[int, str, int]]:
        """The slots that other profiles of the station have or are to have."""
        slots = set()
        planned = self._plan(found, limits)
        for each in found.assignments:
            if each.id == own.id:
                continue
            fit, there = planned.get(each.profile_id), found.installed.get(each.profile_id)
            if isinstance(fit, Fitted):
                slots.add(slot(each.evse_id, fit.profile))
            if there is not None and there.state == "INSTALLED" and there.sent is not None:
                sent = msgspec.json.decode(there.sent, type=ChargingProfile)
                slots.add(slot(there.evse_id, sent))
        return slots

    async def _clear(self, found: Charged, there: InstalledProfile) -> None:
        """Have a station forget a profile. That it has none of this id (*Unknown*), or none at all, is as
        good."""
        if there.state not in ("REFUSED", "UNFIT"):
            await self._save(replace(there, state="CLEARING", at=self._clock.now()))
            command = ClearChargingProfile(id=there.profile_id)
            try:
                await self._sender.send(found.station.id, command, BY, ANSWER_WITHIN_S)
            except CallFailed as error:
                if error.code not in NOT_KNOWN:
                    raise
        await self.cleared(there)

    async def _ask_composite(self, station_id: str, evse_id: int, unit: RateUnit | None) -> None:
        """Keep the limit that follows from all profiles, or why it is not known."""
        command = GetCompositeSchedule(evse_id=evse_id, duration_s=COMPOSITE_S, charging_rate_unit=unit)
        answer: Raw | None = None
        try:
            outcome = await self._sender.send(station_id, command, BY, ANSWER_WITHIN_S)
            said, answer = outcome.status, outcome.detail
        except CallFailed as error:
            said = error.code
        except StationOffline:
            raise
        except EvsysError as error:
            said = type(error).__name__
        await self._save(
            CompositeSchedule(
                station_id=station_id, evse_id=evse_id, status=said, answer=answer, asked_at=self._clock.now()
            )
        )

    # -- what is written ---

    async def _told(
        self,
        found: Charged,
        assignment: ProfileAssignment,
        state: ProfileState,
        status: str = "",
        detail: str = "",
        sent: ChargingProfile | None = None,
        limits: ChargingLimits | None = None,
    ) -> None:
        """Write down what came of a profile, and tell of it."""
        kept = _as(found, assignment, state, self._clock, status, detail, sent)
        event = ChargingProfileTold(
            station_id=kept.station_id,
            profile_id=kept.profile_id,
            evse_id=kept.evse_id,
            state=state,
            status=status,
            detail=detail,
        )
        work = Work(self._clock.now())
        work.save(kept)
        if limits is not None:
            work.save(limits)
        work.tell(event)
        await self._books.write(work)
        self.told[state] += 1

    async def cleared(self, there: InstalledProfile) -> None:
        """A station has a profile no longer."""
        work = Work(self._clock.now())
        work.remove(there)
        work.tell(ChargingProfileCleared(station_id=there.station_id, profile_id=there.profile_id))
        await self._books.write(work)

    async def _save(self, record: Record) -> None:
        work = Work(self._clock.now())
        work.save(record)
        await self._books.write(work)


class _Key(Struct):
    key: str
    value: str | None = None


class _Configuration(Struct):
    """What a station of OCPP 1.6 says of its configuration."""

    keys: list[_Key] = field(name="configurationKey", default_factory=list)


def _to_clear(found: Charged) -> list[InstalledProfile]:
    """What the station has and should not, or not there."""
    wanted = {each.profile_id: each.evse_id for each in found.assignments}
    return [each for each in found.installed.values() if wanted.get(each.profile_id) != each.evse_id]


def _is_due(found: Charged, there: InstalledProfile, planned: Fitted | Unfit | None) -> bool:
    """Whether a profile that the station was told, or that did not fit it, is to be told again."""
    status = found.status
    if status is None:
        return False
    match there.state:
        case "INSTALLED" | "REFUSED":
            return status.booted_at is not None and status.booted_at > there.at
        case "UNFIT":
            return isinstance(planned, Fitted) or there.firmware_version != status.firmware_version
        case _:
            return True


def _in_order(assignment: ProfileAssignment) -> tuple[int, int]:
    """What bounds more comes first."""
    return ("ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile").index(
        assignment.purpose
    ), assignment.stack_level


def _asked_of(found: Charged, evse_id: int, sent: ChargingProfile | None = None) -> set[int]:
    """The EVSEs whose limits follow from a profile: of each one, where it is for all of them."""
    if evse_id or (sent is not None and sent.purpose == "ChargingStationMaxProfile"):
        return {evse_id}
    return set(found.evse_ids) or {0}


def _as(
    found: Charged,
    assignment: ProfileAssignment,
    state: ProfileState,
    clock: Clock,
    status: str = "",
    detail: str = "",
    sent: ChargingProfile | None = None,
) -> InstalledProfile:
    return InstalledProfile(
        station_id=assignment.station_id,
        profile_id=assignment.profile_id,
        evse_id=assignment.evse_id,
        assignment_id=assignment.id,
        profile_version=found.profiles[assignment.profile_id].version,
        state=state,
        status=status,
        detail=detail,
        sent=None if sent is None else Raw(msgspec.json.encode(sent)),
        firmware_version=found.status.firmware_version if found.status is not None else "",
        at=clock.now(),
    )


def _learnt(limits: ChargingLimits, said: str, is_taken: bool) -> ChargingLimits:
    """What is known of the ways in which a station takes profiles, with the newest."""
    accepted = tuple(each for each in limits.accepted if each != said)
    refused = tuple(each for each in limits.refused if each != said)
    if is_taken:
        accepted = (*accepted, said)[-MAX_WAYS:]
    else:
        refused = (*refused, said)[-MAX_WAYS:]
    return replace(limits, accepted=accepted, refused=refused)
