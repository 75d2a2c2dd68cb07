"""The StationIndex: all that a handshake decides from, in memory for every known station.

It is filled in bulk at start and kept by what people change, within a second. A station is found by its exact
identity first, then without regard to case: OCPP 2.x compares identities so, and no two may differ by case
alone (OCPP 2.0.1 Part 4 §3).
"""

from collections.abc import Iterable

from msgspec import Struct

from evsys.core.records import Station


class Entry(Struct, frozen=True, gc=False):
    """What a handshake needs to know of a station."""

    id: str
    assume_protocol: str
    ping: bool


class StationIndex:
    """Entries by identity."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._folded: dict[str, str] = {}
        """The identity by its folded form."""

    def __len__(self) -> int:
        return len(self._entries)

    def fill(self, stations: Iterable[Station]) -> None:
        """Learn all stations that are known at start."""
        for station in stations:
            self.put(station.id, station)

    def put(self, station_id: str, station: Station | None) -> None:
        """A station was registered or changed, or (None) removed."""
        folded = station_id.casefold()
        if station is None:
            self._entries.pop(station_id, None)
            if self._folded.get(folded) == station_id:
                del self._folded[folded]
            return
        self._entries[station_id] = Entry(station_id, station.assume_protocol, station.ping)
        self._folded.setdefault(folded, station_id)

    def find(self, identity: str) -> Entry | None:
        """The station that a handshake means by `identity`."""
        entry = self._entries.get(identity)
        if entry is None:
            known = self._folded.get(identity.casefold())
            entry = self._entries.get(known) if known is not None else None
        return entry
