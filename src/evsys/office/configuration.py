"""The configuration of stations as they last told it.

It is read when somebody asks for that, and kept with what is read-only. A station that cuts its answer is
asked by name for the keys that it told before, as many at a time as its `GetConfigurationMaxKeys` allows;
what it no longer tells then is forgotten. Values that are secrets are never kept. OCPP 1.6 §5.8, §9.1.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct, field

from evsys.core.commands import GetVariables
from evsys.core.errors import BadAnswer, NoAnswer, StationUnknown
from evsys.core.events import LoggedEvent, StationRemoved
from evsys.core.ports import Clock
from evsys.core.records import ConfigurationKey
from evsys.core.work import Work
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.templates import WantedKey, is_secret, read_at, wanted_of
from evsys.office.writing import Books
from evsys.store.views import configuration
from evsys.store.views.reader import Reader

CONSUMER: Final = "configuration"
ANSWER_WITHIN_S: Final = 60
"""Some stations read every key from flash memory before they answer."""
READ_WITHIN_S: Final = 110
"""How long it may take with all requests by name, so that whoever asked still hears of it."""
MAX_KEYS: Final = 1000
"""Keys that are kept of one station: the largest configurations known have about four hundred."""
MAX_KEY_CHARACTERS: Final = 100
"""The standard has 50; longer names than this are no keys."""
MAX_VALUE_CHARACTERS: Final = 2500
"""The standard has 500, and 2500 in 2.x; what is longer is cut."""
KEYS_AT_ONCE: Final = "getconfigurationmaxkeys"


class Configuration(Struct, frozen=True, kw_only=True):
    """The configuration of a station as it last told it, without secrets."""

    read_at: datetime | None
    """When it was read; null where it never was."""
    items: list[ConfigurationKey]
    wanted: list[WantedKey]
    """What the templates that fit the station want of it, beside what it has."""
    drifts: bool
    """Whether a wanted key differs from what the station told."""


class Configurations:
    """The configuration of all stations."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, sender: Commands) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self.was_read: Callable[[str], None] = lambda station_id: None
        """Hears of each station whose configuration was read."""

    def follow(self, consumers: Consumers) -> None:
        """Hear of stations that are removed."""
        consumers.add(CONSUMER, (StationRemoved,), self._removed)

    async def view(self, station_id: str) -> Configuration:
        """What is known of the configuration of a station. Raises StationUnknown."""
        found = await self._reader.read(partial(configuration.configured, ids=[station_id]))
        if not found:
            raise StationUnknown(f"no station {station_id}")
        templates = await self._reader.read(configuration.templates)
        wanted = wanted_of(found[0], templates)
        return Configuration(
            read_at=read_at(found[0].kept),
            items=found[0].kept,
            wanted=wanted,
            drifts=any(each.drifts for each in wanted),
        )

    async def read(self, station_id: str, by: str) -> Configuration:
        """Read the configuration from the station and keep it. Raises as `Commands.send`."""
        before = await self._kept(station_id)
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                told = await self._ask_all(station_id, [each.key for each in before], by)
        except TimeoutError:
            raise NoAnswer(f"{station_id} did not tell its configuration in {READ_WITHIN_S} s") from None
        now = self._clock.now()
        kept = [
            ConfigurationKey(
                station_id=station_id, key=each.key, value=each.kept(), readonly=each.readonly, at=now
            )
            for each in list(told.values())[:MAX_KEYS]
        ]
        names = {each.key for each in kept}
        work = Work(now)
        for key in kept:
            work.save(key)
        for old in before:
            if old.key not in names:
                work.remove(old)
        if work:
            await self._books.write(work)
        self.was_read(station_id)
        return await self.view(station_id)

    async def _ask_all(self, station_id: str, known: list[str], by: str) -> dict[str, "_Key"]:
        """All that the station tells, and by name what it told before and leaves out."""
        told = await self._ask(station_id, (), by)
        left_out = [each for each in known if each not in told]
        at_once = _at_once(told, len(left_out))
        for first in range(0, len(left_out), at_once):
            told |= await self._ask(station_id, tuple(left_out[first : first + at_once]), by)
        return told

    async def _ask(self, station_id: str, names: tuple[str, ...], by: str) -> dict[str, "_Key"]:
        outcome = await self._sender.send(station_id, GetVariables(names=names), by, ANSWER_WITHIN_S)
        try:
            told = msgspec.json.decode(outcome.detail, type=_Told, strict=False)
        except msgspec.DecodeError as error:
            raise BadAnswer(str(error), "") from None  # it may hold secrets
        return {each.key: each for each in told.keys or () if _is_name(each.key)}

    async def _kept(self, station_id: str) -> list[ConfigurationKey]:
        return await self._reader.read(partial(configuration.configuration_of, station_id=station_id))

    async def _removed(self, event: LoggedEvent) -> None:
        work = Work(self._clock.now())
        for key in await self._kept(event.station_id):
            work.remove(key)
        query = partial(configuration.verdicts_of, station_id=event.station_id)
        for verdict in await self._reader.read(query):
            work.remove(verdict)
        if work:
            await self._books.write(work)


class _Key(Struct):
    key: str
    value: str | None = None
    readonly: bool = False

    def kept(self) -> str | None:
        """The value as it may be kept."""
        if self.value is None or is_secret(self.key):
            return None
        return self.value.replace("\0", "")[:MAX_VALUE_CHARACTERS]


class _Told(Struct):
    """What a station of OCPP 1.6 says of its configuration."""

    keys: list[_Key] | None = field(name="configurationKey", default=None)


def _is_name(key: str) -> bool:
    return 0 < len(key) <= MAX_KEY_CHARACTERS and key.isprintable()


def _at_once(told: dict[str, _Key], usual: int) -> int:
    """How many keys may be asked for by name in one request."""
    for each in told.values():
        if each.key.lower() == KEYS_AT_ONCE and each.value and each.value.isdecimal():
            return max(1, min(int(each.value[:6]), MAX_KEYS))
    return max(1, usual)
