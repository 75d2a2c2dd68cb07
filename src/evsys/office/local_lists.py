"""The local lists of stations, kept as the tokens are, by themselves.

When a token changes, or a station comes back, what should be on its list is compared with what it was sent
last, and the difference is sent in pieces of the size that it takes. Many changes within a moment are one
update. A station is asked first what it can: after its first boot with a list, and after each one that
follows, when it is asked for the version of its list as well; a list that is gone is sent again.

What a station has is only believed when it said so. Before something is sent it is written down that nobody
knows what is on the list, and after the last piece was accepted, what is. From there, and from every refusal
(*Failed*, *VersionMismatch*), a full list of a higher version leads back. What fails is tried again, later
each time; a station without lists is left alone until its firmware changes or somebody asks for it.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec
import structlog
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from evsys.core.commands import GetLocalListVersion, GetVariables, LocalListEntry, SendLocalList
from evsys.core.errors import (
    CallFailed,
    EvsysError,
    InUse,
    NotSupportedByStation,
    StationOffline,
    StationUnknown,
    StoreUnavailable,
)
from evsys.core.events import (
    LocalListChanged,
    LoggedEvent,
    StationBooted,
    StationChanged,
    StationConnected,
    StationRemoved,
    TokenChanged,
    TokenRegistered,
    TokenRemoved,
)
from evsys.core.local_lists import Entries, Update, updates
from evsys.core.ports import Clock
from evsys.core.records import LocalList, LocalListContent, LocalListState, Token
from evsys.core.work import Work
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.patience import Patience
from evsys.office.queue import settled
from evsys.office.token_register import NOTHING, Register, Wanted
from evsys.office.writing import Books
from evsys.store.views import local_lists
from evsys.store.views.local_lists import Listed
from evsys.store.views.queue import Waited
from evsys.store.views.reader import Reader

BY: Final = "local-lists"
"""Who asks for these commands, in their records."""
CONSUMER: Final = "local_lists"
LOOK_EVERY_S: Final = 1.0
"""What changes within this time is one update."""
STATIONS_AT_ONCE: Final = 20
LOOKED_AT: Final = 200
"""Stations looked at in one read; the next look takes others."""
ANSWER_WITHIN_S: Final = 60
"""Some stations write every entry to flash memory before they answer."""
MAX_ENTRIES: Final = 10_000
"""No list is longer, whatever the station takes."""
USUAL_ENTRIES: Final = 1000
"""For a station that does not say how long its list may be."""
MAX_UPDATE: Final = 500
"""Entries in one message at most: about fifty kilobytes."""
USUAL_UPDATE: Final = 100
"""For a station that does not say how many it takes at once."""
MAX_CHARACTERS: Final = {"ocpp1.6": 20}
"""How long an id token may be."""
USUAL_CHARACTERS: Final = 36
HIGHEST_VERSION: Final = 2**31 - 1
NOT_KNOWN: Final = frozenset(("NotSupported", "NotImplemented"))
PRUNE_EVERY_S: Final = 600.0
ENABLED: Final = "LocalAuthListEnabled"
MAX_LENGTH: Final = "LocalAuthListMaxLength"
MAX_AT_ONCE: Final = "SendLocalListMaxLength"

log = structlog.get_logger()


class LocalListView(Struct, frozen=True, kw_only=True):
    """The local list of a station as people see it."""

    station_id: str
    wanted: bool
    """Whether the list is kept as the tokens are."""
    list: LocalList | None
    """What was sent, and how that went; null where nothing ever was."""
    in_sync: bool
    """Whether what the station has is what it should have."""
    wanted_entries: int
    entries: tuple[LocalListEntry, ...]
    """What should be on it, the most important first; as many as were asked for."""


class _Refused(Exception):
    """The station did not accept an update."""

    def __init__(self, status: str, list_version: int) -> None:
        super().__init__(f"the station answered {status}")
        self.status = status
        self.list_version = list_version


class LocalLists:
    """The local lists of all stations."""

    def __init__(
        self, books: Books, reader: Reader, clock: Clock, sender: Commands, by_default: bool
    ) -> None:
        """`by_default`: whether the lists of stations are kept that do not say so themselves."""
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self._by_default = by_default
        self._register: Register | None = None
        self._changes = 0
        """Changes of tokens heard of."""
        self._due: dict[str, None] = {}
        """Stations to be looked at, in this order."""
        self._busy: set[str] = set()
        self._patience: dict[str, Patience] = {}
        self._prune_at_s = 0.0

    def follow(self, consumers: Consumers) -> None:
        """Hear of what lists depend on."""
        kinds = (
            TokenRegistered,
            TokenChanged,
            TokenRemoved,
            StationChanged,
            StationConnected,
            StationBooted,
            StationRemoved,
        )
        consumers.add(CONSUMER, kinds, self._take, self._read_again)

    async def view(self, station_id: str, limit: int) -> LocalListView:
        """The local list of a station. Raises StationUnknown."""
        found = await self._listed(station_id)
        # Read now: what was changed a moment ago may not have been heard of yet.
        want, kept = self._want(found, found.kept, await self._read_tokens()), found.kept
        return LocalListView(
            station_id=station_id,
            wanted=self._is_wanted(found),
            list=kept,
            in_sync=kept is not None and kept.state == "SYNCED" and kept.content == want.digest,
            wanted_entries=len(want.entries),
            entries=tuple(want.entries.values())[:limit],
        )

    async def sync(self, station_id: str) -> None:
        """Send a station its whole list again as soon as it is there, whatever is known of it. Raises
        StationUnknown, or InUse where its list is not kept."""
        found = await self._listed(station_id)
        if not self._is_wanted(found):
            raise InUse(f"the local list of {station_id} is not kept: set local_list of the station first")
        kept = found.kept or LocalList(station_id=station_id)
        await self._save(replace(kept, state="PENDING", content="", asked_at=None, error=""))
        self._patience.pop(station_id, None)
        self._due[station_id] = None

    async def run(self) -> None:
        """Keep the lists, until cancelled."""
        async with asyncio.TaskGroup() as sending:
            while True:
                try:
                    await self._look(sending)
                except StoreUnavailable as error:
                    log.warning("local lists cannot be looked after", reason=str(error))
                await asyncio.sleep(LOOK_EVERY_S)

    def _read_again(self) -> None:
        self._changes += 1

    async def _take(self, event: LoggedEvent) -> None:
        """Nothing of it needs to be remembered: at the start of the process all are looked at."""
        match event.event:
            case TokenRegistered() | TokenChanged() | TokenRemoved():
                self._read_again()
            case StationRemoved(station_id=station_id):
                work = Work(self._clock.now())
                work.remove(LocalList(station_id=station_id))
                await self._books.write(work)
            case _:
                self._patience.pop(event.station_id, None)
                self._due[event.station_id] = None

    # -- which stations need something ---

    async def _look(self, sending: asyncio.TaskGroup) -> None:
        """Begin with the stations that need a list and can take it now."""
        now_s = self._clock.monotonic()
        register = self._register
        if register is None or not register.is_good(self._changes, self._clock.now()):
            # First the stations: a token that was there when one connected is among those read then.
            query = partial(local_lists.connected_with_list, by_default=self._by_default)
            connected = await self._reader.read(query)
            register = self._register = await self._read_tokens()
            self._due.update(dict.fromkeys(connected))
        waiting = [each for each in self._due if each not in self._busy and self._may_try(each, now_s)]
        looked_at = waiting[:LOOKED_AT] if len(self._busy) < STATIONS_AT_ONCE else []
        if looked_at:
            found = await self._reader.read(partial(local_lists.listed, ids=looked_at))
            by_id = {each.station.id: each for each in found}
            for station_id in looked_at:
                self._begin(station_id, by_id.get(station_id), register, sending)
        elif now_s >= self._prune_at_s:
            self._prune_at_s = now_s + PRUNE_EVERY_S
            await self._prune()

    def _may_try(self, station_id: str, now_s: float) -> bool:
        patience = self._patience.get(station_id)
        return patience is None or patience.at_s <= now_s

    def _begin(
        self, station_id: str, found: Listed | None, register: Register, sending: asyncio.TaskGroup
    ) -> None:
        """Send a station its list where it needs one. One that has not settled is looked at again, one that
        is away when it is back."""
        del self._due[station_id]
        if found is None or found.status is None or not found.status.connected:
            return
        if not self._needs(found, register):
            return
        ready = settled(Waited(found.status, found.last_event_at), self._clock.now())
        if not ready or len(self._busy) >= STATIONS_AT_ONCE:
            self._due[station_id] = None
            return
        self._busy.add(station_id)
        sending.create_task(self._keep(found, register))

    def _needs(self, found: Listed, register: Register) -> bool:
        kept, status = found.kept, found.status
        if not self._is_wanted(found) and (kept is None or kept.content == NOTHING.digest):
            return False
        if kept is None or status is None or kept.asked_at is None:
            return True
        if kept.state == "UNSUPPORTED":
            return kept.firmware_version != status.firmware_version
        if _is_to_be_asked(found):
            return True
        if kept.state == "DISABLED":
            return False
        return kept.state != "SYNCED" or kept.content != self._want(found, kept, register).digest

    def _is_wanted(self, found: Listed) -> bool:
        own = found.station.local_list
        return self._by_default if own is None else own

    def _want(self, found: Listed, kept: LocalList | None, register: Register) -> Wanted:
        """What should be on the list of a station: nothing, where it is no longer kept."""
        if not self._is_wanted(found):
            return NOTHING
        length = kept.max_length if kept is not None and kept.max_length is not None else USUAL_ENTRIES
        protocol = found.status.protocol if found.status is not None else ""
        characters = MAX_CHARACTERS.get(protocol, USUAL_CHARACTERS)
        return register.wanted(found.station.id, min(length, MAX_ENTRIES), characters)

    # -- one station ---

    async def _keep(self, found: Listed, register: Register) -> None:
        """Ask a station what it can where that is due, and bring its list to what it should be."""
        station_id = found.station.id
        kept = found.kept or LocalList(station_id=station_id)
        try:
            if _is_to_be_asked(found):
                kept = await self._ask(found, kept)
            if kept.state not in ("UNSUPPORTED", "DISABLED"):
                await self._bring(kept, self._want(found, kept, register))
            self._patience.pop(station_id, None)
        except StationOffline:
            pass  # it is looked at when it is back
        except StoreUnavailable as error:
            self._try_later(station_id, str(error))
        except Exception as error:
            if not isinstance(error, EvsysError):
                log.exception("a fault of ours", station=station_id)
            await self._failed(station_id, error)
        finally:
            self._busy.discard(station_id)

    async def _ask(self, found: Listed, kept: LocalList) -> LocalList:
        """What the station can, and whether it still has the list that it was sent."""
        station_id, status = found.station.id, found.status
        said = await self._configuration(station_id)
        version = await self._version(station_id)
        state: LocalListState = "PENDING"
        if said.get(ENABLED, "").lower() == "false":
            state = "DISABLED"
        elif version is not None and version < 0:
            state = "UNSUPPORTED"
        elif kept.state == "SYNCED" and version in (None, kept.list_version, 0 if not kept.entries else None):
            state = "SYNCED"
        kept = replace(
            kept,
            state=state,
            list_version=max(kept.list_version, version or 0),
            content=kept.content if state == "SYNCED" else "",
            max_length=_number(said.get(MAX_LENGTH)),
            max_update=_number(said.get(MAX_AT_ONCE)),
            firmware_version=status.firmware_version if status is not None else "",
            asked_at=self._clock.now(),
            error="",
        )
        await self._save(kept, told=state in ("DISABLED", "UNSUPPORTED"))
        return kept

    async def _configuration(self, station_id: str) -> Mapping[str, str]:
        """The station's limits of lists by their keys, as far as it tells."""
        question = GetVariables(names=(ENABLED, MAX_LENGTH, MAX_AT_ONCE))
        try:
            outcome = await self._sender.send(station_id, question, BY, ANSWER_WITHIN_S)
            told = msgspec.json.decode(outcome.detail, type=_Configuration)
        except (CallFailed, msgspec.DecodeError):
            return {}
        return {each.key: each.value for each in told.keys if each.value is not None}

    async def _version(self, station_id: str) -> int | None:
        """Which version of the list the station has; below 0: it has no lists; None: it does not say."""
        try:
            outcome = await self._sender.send(station_id, GetLocalListVersion(), BY, ANSWER_WITHIN_S)
            return int(outcome.status)
        except CallFailed as error:
            return -1 if error.code in NOT_KNOWN else None
        except NotSupportedByStation:
            return -1
        except ValueError:
            return None

    async def _bring(self, kept: LocalList, want: Wanted) -> None:
        """Send what makes the list as it should be."""
        have = await self._content(kept)
        if have is not None and kept.content == want.digest:
            return
        chunk = max(1, min(kept.max_update or USUAL_UPDATE, MAX_UPDATE))
        kept = replace(kept, state="SENDING", content="", list_version=_room(kept.list_version))
        await self._save(kept)
        try:
            try:
                kept = await self._send(kept, updates(have, want.entries, chunk))
            except _Refused as refused:
                if refused.status in NOT_KNOWN:
                    raise
                # Whatever it has now, a full list of a higher version takes its place.
                log.info("a local list is sent as a whole", station=kept.station_id, reason=str(refused))
                version = await self._version(kept.station_id) or 0
                kept = replace(kept, list_version=_room(max(refused.list_version, version)))
                kept = await self._send(kept, updates(None, want.entries, chunk))
        except (CallFailed, _Refused) as error:
            if (error.code if isinstance(error, CallFailed) else error.status) not in NOT_KNOWN:
                raise
            await self._save(replace(kept, state="UNSUPPORTED", error=str(error)), told=True)
            return
        now, entries = self._clock.now(), len(want.entries)
        kept = replace(kept, state="SYNCED", content=want.digest, entries=entries, synced_at=now, error="")
        listed = Raw(msgspec.json.encode(list(want.entries.values())))
        await self._save(kept, LocalListContent(digest=want.digest, entries=listed), told=True)

    async def _send(self, kept: LocalList, parts: list[Update]) -> LocalList:
        """Send the parts of an update, each as a version of its own. Raises _Refused."""
        for part in parts:
            version = kept.list_version + 1
            command = SendLocalList(
                version=version, update="Full" if part.full else "Differential", entries=part.entries
            )
            outcome = await self._sender.send(kept.station_id, command, BY, ANSWER_WITHIN_S)
            if not outcome.accepted:
                raise _Refused(outcome.status, version)
            kept = replace(kept, list_version=version)
        return kept

    async def _content(self, kept: LocalList) -> Entries | None:
        """What is on the station's list; None where nobody knows."""
        if not kept.content:
            return None
        found = await self._reader.read(partial(local_lists.content, digest=kept.content))
        if found is None:
            return None
        entries = msgspec.json.decode(found.entries, type=list[LocalListEntry])
        return {each.id_token: each for each in entries}

    async def _failed(self, station_id: str, error: Exception) -> None:
        log.warning("a local list could not be sent", station=station_id, reason=str(error))
        try:
            kept = (await self._listed(station_id)).kept or LocalList(station_id=station_id)
            told = replace(kept, state="FAILED", content="", error=str(error) or type(error).__name__)
            await self._save(told, told=True)
        except EvsysError as failure:
            log.warning("that a local list failed is not written", station=station_id, reason=str(failure))
        self._try_later(station_id, str(error))

    def _try_later(self, station_id: str, reason: str) -> None:
        patience = self._patience.setdefault(station_id, Patience())
        patience.fail(self._clock.monotonic())
        self._due[station_id] = None

    # -- what is read and written ---

    async def _listed(self, station_id: str) -> Listed:
        found = await self._reader.read(partial(local_lists.listed, ids=[station_id]))
        if not found:
            raise StationUnknown(f"no station {station_id}")
        return found[0]

    async def _read_tokens(self) -> Register:
        now, changes = self._clock.now(), self._changes
        found: list[Token] = []
        page = await self._reader.read(partial(local_lists.tokens_after, after=""))
        while page:
            found += page
            page = await self._reader.read(partial(local_lists.tokens_after, after=page[-1].id))
        return Register(found, now, changes)

    async def _save(
        self, kept: LocalList, content: LocalListContent | None = None, told: bool = False
    ) -> None:
        work = Work(self._clock.now())
        work.save(kept)
        if content is not None:
            work.add_once(content)
        if told:
            work.tell(
                LocalListChanged(
                    station_id=kept.station_id,
                    state=kept.state,
                    list_version=kept.list_version,
                    entries=kept.entries,
                    error=kept.error,
                )
            )
        await self._books.write(work)

    async def _prune(self) -> None:
        """Forget contents that are on no list any more, while nothing is being sent."""
        if self._busy:
            return
        for orphan in await self._reader.read(local_lists.orphans):
            work = Work(self._clock.now())
            work.remove(orphan)
            await self._books.write(work)


class _Key(Struct):
    key: str
    value: str | None = None


class _Configuration(Struct):
    """What a station of OCPP 1.6 says of its configuration."""

    keys: list[_Key] = field(name="configurationKey", default_factory=list)


def _number(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if number > 0 else None


def _room(version: int) -> int:
    """The version to count on from: from the start again, before a number is too large."""
    return version if version < HIGHEST_VERSION - MAX_ENTRIES else 0


def _is_to_be_asked(found: Listed) -> bool:
    """Whether a station has booted since it was last asked what it can."""
    kept, status = found.kept, found.status
    if kept is None or kept.asked_at is None or status is None:
        return True
    return status.booted_at is not None and status.booted_at > kept.asked_at
