"""The StationIndex: all that a handshake decides from, in memory for every known station.

It is filled in bulk at start and kept by what people change, within a second, and by what stations prove. A
station is found by its exact identity first, then without regard to case: OCPP 2.x compares identities so,
and no two may differ by case alone (OCPP 2.0.1 Part 4 §3).
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from evsys.core.credentials import Credentials
from evsys.core.records import Station, StationKey, StationProof, StationSecurity

NO_CREDENTIALS: Final = Credentials(security=StationSecurity(station_id="", version=0))
"""Of all the stations of which nothing is asked."""


class Entry(Struct, frozen=True, gc=False):
    """What a handshake needs to know of a station. What follows from its credentials is worked out when they
    change, not with each handshake."""

    id: str
    assume_protocol: str
    ping: bool
    credentials: Credentials
    floor: int
    user: str
    keys: tuple[StationKey, ...]
    """Those in force."""


class StationIndex:
    """Entries by identity."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._folded: dict[str, str] = {}
        """The identity by its folded form."""
        self._credentials: dict[str, Credentials] = {}
        """Of the stations that have any, removed ones among them: who takes their name must prove as much."""
        self.revoked: set[str] = set()
        """Serial numbers of certificates that are refused."""

    def __len__(self) -> int:
        return len(self._entries)

    def fill(
        self,
        stations: Iterable[Station],
        credentials: Iterable[Credentials],
        revoked: Iterable[str] = (),
    ) -> None:
        """Learn all that is known at start. `revoked`: serial numbers of certificates."""
        self.revoked.update(revoked)
        for each in credentials:
            self._credentials[each.security.station_id] = each
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
        self._entries[station_id] = self._entry(station_id, station.assume_protocol, station.ping)
        self._folded.setdefault(folded, station_id)

    def secure(self, credentials: Credentials) -> None:
        """A station's credentials are these now."""
        station_id = credentials.security.station_id
        self._credentials[station_id] = credentials
        entry = self._entries.get(station_id)
        if entry is not None:
            self._entries[station_id] = self._entry(station_id, entry.assume_protocol, entry.ping)

    def revoke(self, serial: str) -> None:
        """A certificate is not good any more."""
        self.revoked.add(serial)

    def prove(self, proof: StationProof) -> None:
        """A station has connected with this proof, and it is recorded."""
        known = self._credentials.get(proof.station_id)
        if known is None:
            known = Credentials(security=StationSecurity(station_id=proof.station_id, version=0))
        self.secure(replace(known, proof=proof))

    def find(self, identity: str) -> Entry | None:
        """The station that a handshake means by `identity`."""
        entry = self._entries.get(identity)
        if entry is None:
            known = self._folded.get(identity.casefold())
            entry = self._entries.get(known) if known is not None else None
        return entry

    def _entry(self, station_id: str, assume_protocol: str, ping: bool) -> Entry:
        credentials = self._credentials.get(station_id, NO_CREDENTIALS)
        return Entry(
            station_id,
            assume_protocol,
            ping,
            credentials,
            credentials.floor,
            credentials.security.user or station_id,
            credentials.keys_in_force,
        )
