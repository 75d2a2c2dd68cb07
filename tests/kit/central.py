"""A central system without sockets or processes: a Node on a database file, a stepped clock and a local bus.

Everything happens when the test says so: `flush` commits what was submitted and tells the turns; `settle`
does so until nothing is under way; `pass_time` lets time pass with a tick each second.
"""

import json
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar, cast

from msgspec.structs import replace

from evsys.bus.local import LocalHub
from evsys.core import records
from evsys.core.credentials import Credentials
from evsys.core.events import StationChanged
from evsys.core.facts import Fact, Policy
from evsys.core.ports import Fetched, Loaded
from evsys.core.records import CommandRecord, Record, StationStatus, Transaction
from evsys.core.station import Station
from evsys.core.work import Committed, Failed, Settled, Settlement, Unknown, Work
from evsys.csms.connection import Connection
from evsys.csms.node import Node, NodeSettings
from evsys.ocpp.v16 import V16
from evsys.store import reading
from evsys.store.connections import open_to_read
from evsys.store.inline import InlineStore
from kit.clock import NOON, SteppedClock
from kit.link import Payload, RecordingLink, call, read

R = TypeVar("R", bound=Record)
T = TypeVar("T")

BOOT: Payload = {"chargePointVendor": "Acme", "chargePointModel": "One"}


def finish(coroutine: Coroutine[object, object, T]) -> T:
    """The result of a coroutine that waits for nothing: what the inline store's are."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise AssertionError("it waits for something")


class WriterDied(Exception):
    """The writer died: before a statement, or after a commit that it could not tell of any more."""


class Heard:
    """Where the node tells of stations that people changed."""

    def __init__(self, stations: list[tuple[str, records.Station | None]]) -> None:
        self._stations = stations

    def put(self, station_id: str, station: records.Station | None) -> None:
        self._stations.append((station_id, station))

    def secure(self, credentials: Credentials) -> None:
        pass

    def revoke(self, serial: str) -> None:
        pass

    def prove(self, proof: records.StationProof) -> None:
        pass


class BreakableStore(InlineStore):
    """The store with a disk that can be full, a file that cannot be read, and a writer that can die: what the
    machine does, at a moment of the test's choice."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, self._before)
        self.full = False
        self.unreadable = False
        self.dies_after: int | None = None
        """How many statements the writer lives yet; None: for ever."""
        self.dies_untold = False
        """Whether it dies right after the next commit."""
        self.all_die = False
        """Whether the whole process dies with it: then `flush` raises WriterDied."""
        self.commits = 0
        self._path = path
        self._untold: list[Callable[[], None]] = []

    def _before(self, statement: str) -> None:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise WriterDied
        if statement == "done":
            self.commits += 1
            if self.dies_untold:
                raise WriterDied
        elif self.full:
            raise sqlite3.OperationalError("database or disk is full")

    def submit(self, work: Work, settled: Settled) -> None:
        self._untold.append(lambda: settled(Unknown("the writer died")))
        super().submit(work, settled)

    def fetch(self, fact: Fact, fetched: Fetched) -> None:
        self._untold.append(lambda: fetched(Failed("the writer died")))
        super().fetch(fact, fetched)

    def load(self, station_id: str, loaded: Loaded) -> None:
        def fail() -> None:
            loaded(Failed("disk I/O error"))

        self._untold.append(fail)
        if self.unreadable:
            self._answers.append(fail)
        else:
            super().load(station_id, loaded)

    def flush(self) -> bool:
        untold, self._untold = self._untold, []
        try:
            return super().flush()
        except WriterDied:
            if self.all_die:
                raise
            self.crash()
            super().__init__(self._path, self._before)
            self.dies_after, self.dies_untold = None, False
            for tell in untold:
                tell()
            return True


class Central:
    """A node with its store. `restart` throws the node away, as a crash does, and starts another."""

    def __init__(
        self,
        path: Path,
        clock: SteppedClock | None = None,
        policy: Policy | None = None,
        settings: NodeSettings | None = None,
    ) -> None:
        self.path = path
        self.clock = clock or SteppedClock()
        self.policy = policy or Policy()
        self.settings = settings or NodeSettings()
        self.heard_of: list[tuple[str, records.Station | None]] = []
        self._begin()

    def _begin(self) -> None:
        self.store = BreakableStore(self.path)
        self.bus = LocalHub()
        self.node = Node(
            self.store,
            self.bus,
            {"ocpp1.6": V16},
            self.policy,
            self.settings,
            self.clock,
            index=Heard(self.heard_of),
        )
        finish(self.node.take_over())
        self.settle()

    def restart(self) -> None:
        """The process dies, and another one starts; what stations do not come back is looked after."""
        self.store.crash()
        self._begin()

    def close(self) -> None:
        self.store.crash()

    # -- the disk

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        self.store.full = True
        try:
            yield
        finally:
            self.store.full = False

    @contextmanager
    def unreadable(self) -> Iterator[None]:
        self.store.unreadable = True
        try:
            yield
        finally:
            self.store.unreadable = False

    def lose_the_answer(self) -> None:
        """The next commit happens, and nobody learns of it."""
        self.store.dies_untold = True
        self.flush()

    def read(self, kind: type[R]) -> list[R]:
        """The rows of a kind on disk."""
        with closing(open_to_read(self.path)) as connection:
            return reading.many(connection, kind, reading.select_sql(kind))

    def transactions(self) -> list[Transaction]:
        return self.read(Transaction)

    def commands(self) -> list[CommandRecord]:
        return self.read(CommandRecord)

    def status(self, station_id: str = "CP1") -> StationStatus:
        return next(each for each in self.read(StationStatus) if each.station_id == station_id)

    def event_kinds(self, *kinds: str) -> list[str]:
        """The kinds of the events in the log, in order; all, or those named."""
        with closing(open_to_read(self.path)) as connection:
            found = [str(kind) for (kind,) in connection.execute("SELECT kind FROM events ORDER BY seq")]
        return [kind for kind in found if not kinds or kind in kinds]

    def last_seq(self) -> int:
        return finish(self.store.last_seq())

    # -- what people and other nodes do

    def commit(self, work: Work) -> None:
        settled: list[Settlement] = []
        self.store.submit(work, settled.append)
        self.settle()
        assert isinstance(settled[0], Committed), settled

    def put(self, *added: Record) -> None:
        work = Work(self.clock.now())
        for record in added:
            work.add(record)
        self.commit(work)

    def change_station(self, station_id: str = "CP1", **members: object) -> None:
        """People change what they say of a station, and the node hears of it."""
        (current,) = (each for each in self.read(records.Station) if each.id == station_id)
        changed = replace(current, version=current.version + 1, **members)
        work = Work(self.clock.now())
        work.change(changed)
        work.tell(StationChanged(station=changed))
        self.commit(work)
        finish(self.node.refresh())

    def claim_elsewhere(self, station_id: str) -> None:
        """Another node becomes the owner of a station."""
        status = self.status(station_id)
        work = Work(self.clock.now())
        work.save(replace(status, epoch=status.epoch + 1))
        self.commit(work)

    # -- the node

    def state(self, station_id: str = "CP1") -> Station:
        state = self.node.stations[station_id].state
        assert state is not None
        return state

    def connect(self, station_id: str = "CP1", settle: bool = True) -> "Peer":
        peer = Peer(self, station_id)
        if settle:
            self.settle()
        return peer

    def flush(self) -> bool:
        """One commit, and the turns that follow from it. False where nothing waited."""
        return self.store.flush()

    def settle(self) -> None:
        while self.flush():
            pass

    def tick(self) -> None:
        self.node.tick()
        self.settle()

    def pass_time(self, seconds: int) -> None:
        """Let time pass, a tick each second."""
        for _ in range(seconds):
            self.clock.step(1)
            self.tick()


class Peer:
    """A station's end of one connection."""

    _ids = count(1)

    def __init__(self, central: Central, station_id: str) -> None:
        self.central = central
        self.link = RecordingLink()
        self.connection: Connection = central.node.connect(station_id, "ocpp1.6", "127.0.0.1", self.link)

    def send(self, action: str, payload: object, id: str = "") -> str:
        """A CALL, without waiting for what comes of it. Returns its id."""
        id = id or f"m{next(self._ids)}"
        self.connection.received(call(id, action, payload))
        return id

    def ask(self, action: str, payload: object) -> Payload:
        """A CALL and the payload of its CALLRESULT."""
        answer = self.answer_to(self.send(action, payload))
        assert answer is not None, "not answered"
        assert answer[0] == 3, answer
        return cast(Payload, answer[2])

    def refused(self, action: str, payload: object) -> str:
        """A CALL and the code of its CALLERROR."""
        answer = self.answer_to(self.send(action, payload))
        assert answer is not None, "not answered"
        assert answer[0] == 4, answer
        return cast(str, answer[2])

    def answer_to(self, id: str) -> list[object] | None:
        self.central.settle()
        found = [each for each in map(read, self.link.sent) if each[0] in (3, 4) and each[1] == id]
        assert len(found) <= 1, found
        return found[0] if found else None

    def answered_ids(self) -> list[str]:
        """The ids answered, in the order of the answers."""
        return [cast(str, each[1]) for each in map(read, self.link.sent) if each[0] in (3, 4)]

    def calls(self) -> list[tuple[str, str, Payload]]:
        """The CALLs that came: id, action, payload."""
        return [
            (cast(str, each[1]), cast(str, each[2]), cast(Payload, each[3]))
            for each in map(read, self.link.sent)
            if each[0] == 2
        ]

    def answer(self, payload: object) -> None:
        """Answer the last CALL that came."""
        self.connection.received(json.dumps([3, self.calls()[-1][0], payload]).encode())
        self.central.settle()

    def refuse(self, code: str) -> None:
        self.connection.received(json.dumps([4, self.calls()[-1][0], code, "", {}]).encode())
        self.central.settle()

    def boot(self) -> Payload:
        return self.ask("BootNotification", BOOT)

    def start(self, token: str = "CARD", connector: int = 1, meter: int = 1000, at: str = "") -> int:
        """A transaction, and its number."""
        payload = start_payload(self.central, token, connector, meter, at)
        return cast(int, self.ask("StartTransaction", payload)["transactionId"])

    def stop(self, number: int, meter: int = 5000, **more: object) -> Payload:
        timestamp = self.central.clock.now().isoformat()
        payload = {"transactionId": number, "meterStop": meter, "timestamp": timestamp, **more}
        return self.ask("StopTransaction", payload)

    def status(self, status: str, connector: int = 1) -> Payload:
        return self.ask(
            "StatusNotification", {"connectorId": connector, "errorCode": "NoError", "status": status}
        )

    def meter_values(self, number: int | None, energy_wh: int, connector: int = 1, at: str = "") -> Payload:
        value = {
            "timestamp": at or self.central.clock.now().isoformat(),
            "sampledValue": [{"value": str(energy_wh)}],
        }
        payload: Payload = {"connectorId": connector, "meterValue": [value]}
        if number is not None:
            payload["transactionId"] = number
        return self.ask("MeterValues", payload)


def start_payload(
    central: Central, token: str = "CARD", connector: int = 1, meter: int = 1000, at: str = ""
) -> Payload:
    return {
        "connectorId": connector,
        "idTag": token,
        "meterStart": meter,
        "timestamp": at or central.clock.now().isoformat(),
    }


def station(id: str = "CP1", **more: object) -> records.Station:
    return records.Station(id=id, created_at=NOON, **more)  # type: ignore[arg-type]


def token(id: str = "CARD", **more: object) -> records.Token:
    return records.Token(id=id, created_at=NOON, **more)  # type: ignore[arg-type]
