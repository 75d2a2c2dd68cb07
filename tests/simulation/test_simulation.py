"""The whole life of a small network under faults, one random number after the other.

Stations charge, lose their links, come back on new sockets, repeat and reorder; the network delays and cuts;
the disk is full for a while; the writer dies between any two of its statements, alone or with the whole
process. All of it follows from a seed. Along the way and at the end the central system is held to what its
stations saw acknowledged (architecture §1): nothing lost, nothing doubled, nothing attached to the wrong
session, an event per change and a change per event.
"""

import random
import shutil
from collections import deque
from pathlib import Path

import msgspec
import pytest

from evsys.core.events import (
    ConnectorStatusChanged,
    Event,
    StationConnected,
    StationDisconnected,
    TransactionCorrected,
    TransactionEnded,
    TransactionStarted,
)
from evsys.core.facts import Policy
from evsys.core.records import ConnectorStatus, MeterValue, Quarantined, StationStatus, Transaction
from evsys.csms.connection import Connection
from evsys.csms.node import NodeSettings
from evsys.store.connections import open_to_read
from evsys.store.migrating import migrate
from kit.central import Central, WriterDied, station, token
from kit.station_model import Message, Session, StationModel

STATIONS = 3
STEPS = 2500
SEEDS = 50
LONG_SEEDS = 1000
SEEDS_OF_ONE_TEST = 50
RECOVERED_WITHIN_S = 20
"""So long errors that come from faults are still under way when the faults have ceased."""
CALM_S = 60
"""How long the calm lasts at least: stations still repeat what was answered long ago."""
QUIET_WITHIN_S = 3600
"""So long it may take, once all faults have ceased, until everything is told."""


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrate(tmp_path_factory.mktemp("database") / "evsys.db")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_invariants_hold(seed: int, empty_database: Path, tmp_path: Path) -> None:
    simulate(seed, empty_database, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, LONG_SEEDS, SEEDS_OF_ONE_TEST))
def test_invariants_hold_for_many_seeds(first: int, empty_database: Path, tmp_path: Path) -> None:
    for seed in range(first, first + SEEDS_OF_ONE_TEST):
        try:
            simulate(seed, empty_database, tmp_path)
        except BaseException as error:
            raise AssertionError(f"seed {seed}") from error


def simulate(seed: int, empty_database: Path, folder: Path) -> None:
    path = folder / f"{seed}.db"
    shutil.copy(empty_database, path)
    network = Network(seed, path)
    try:
        for _ in range(STEPS):
            network.step()
        network.calm_down()
        network.check()
    finally:
        network.close()
    for file in folder.glob(f"{seed}.db*"):
        file.unlink()


class Wire:
    """A link with the network between its ends: what is on its way up and down, and which ends live."""

    def __init__(self, model: StationModel) -> None:
        self.model = model
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.connection: Connection | None = None
        self.station_there = True

    def send(self, frame: bytes) -> None:
        self.down.append(frame)

    def close(self, code: int, reason: str) -> None:
        self.lose()

    def lose(self) -> None:
        """The station's end is gone, and all that was on its way to it."""
        self.down.clear()
        if self.station_there:
            self.station_there = False
            if self.model.wire is self.up:
                self.model.disconnected()


class Network:
    """Stations, their wires, and the central system."""

    def __init__(self, seed: int, path: Path) -> None:
        self.rng = random.Random(seed)
        settings = NodeSettings(measurands=("Power.Active.Import",), sample_interval_s=60)
        self.central = Central(path, policy=Policy(accept_unknown_tokens=seed % 2 == 0), settings=settings)
        self.central.put(*(station(f"S{n}", poll_meter_values=n == 0) for n in range(STATIONS)))
        self.central.put(token("CARD1"), token("CARD2", max_concurrent=2), token("CARD3", blocked=True))
        tokens = ["CARD1", "CARD2", "CARD3", "STRANGER"]
        self.models = [
            StationModel(f"S{n}", random.Random(f"{seed}/{n}"), self.central.clock, tokens)
            for n in range(STATIONS)
        ]
        self.wires: list[Wire] = []
        self.reader = open_to_read(path)
        self.faulty = self.rng.choice((0.003, 0.01, 0.05))
        """How often something breaks: a network that is mostly well gets further."""

    def close(self) -> None:
        self.reader.close()
        self.central.close()

    # -- what may happen next

    def step(self) -> None:
        model = self.rng.choice(self.models)
        dice = self.rng.random()
        if dice < self.faulty:
            self._fault(model)
        elif dice < 0.06:
            model.live()
        elif dice < 0.30:
            model.talk() if model.wire is not None else self._connect(model)
        elif dice < 0.65:
            self._deliver()
        elif dice < 0.87:
            self._flush()
        else:
            self._pass_time(self.rng.choice((1, 1, 1, 2, 5)))
        assert self._open_per_evse() <= 1

    def _fault(self, model: StationModel) -> None:
        store = self.central.store
        match self.rng.randrange(8):
            case 0 | 1:
                self._cut(model)
            case 2:
                store.full = not store.full
            case 3 | 4:
                store.dies_after = self.rng.randrange(0, 12)
                store.all_die = self.rng.random() < 0.5
            case 5:
                store.dies_untold = True
                store.all_die = self.rng.random() < 0.5
            case 6:
                self._restart()
            case _:
                self._pass_time(self.rng.choice((40, 90, 1300)))

    def _connect(self, model: StationModel) -> None:
        """A new socket; the central system may not know yet that the old one is dead."""
        wire = Wire(model)
        self.wires.append(wire)
        wire.connection = self.central.node.connect(model.id, "ocpp1.6", "127.0.0.1", wire)
        model.connected(wire.up)

    def _cut(self, model: StationModel) -> None:
        for wire in self.wires:
            if wire.model is model and wire.station_there:
                wire.lose()
                if self.rng.random() < 0.5:
                    wire.up.clear()  # else what it sent still arrives

    def _deliver(self) -> None:
        """One frame arrives at one end of one wire, or the end of the wire is noticed."""
        busy = [wire for wire in self.wires if wire.up or wire.down or not wire.station_there]
        if not busy:
            return
        wire = self.rng.choice(busy)
        connection = wire.connection
        assert connection is not None
        if wire.up and (self.rng.random() < 0.5 or not wire.down):
            connection.received(wire.up.popleft())
        elif wire.down:
            acknowledged = wire.model.heard(wire.down.popleft())
            if acknowledged is not None:
                self._is_on_disk(wire.model, acknowledged)
        elif not wire.station_there:
            connection.lost("reset by peer")
            self.wires.remove(wire)

    def _flush(self) -> None:
        try:
            self.central.flush()
        except WriterDied:
            self._restart()

    def _pass_time(self, seconds: int) -> None:
        for _ in range(seconds if seconds < 100 else 100):
            self.central.clock.step(seconds / min(seconds, 100))
            self.central.node.tick()
            if self.rng.random() < 0.5:
                self._flush()

    def _restart(self) -> None:
        """The process of the central system dies and starts again; all its sockets are gone."""
        for wire in self.wires:
            wire.lose()
        self.wires.clear()
        self.central.restart()

    def calm_down(self) -> None:
        """The faults cease, and everything that waits is told."""
        store = self.central.store
        store.full, store.dies_after, store.dies_untold = False, None, False
        if self.rng.random() < 0.5:
            self._restart()
        for model in self.models:
            for session in list(model.running.values()):
                if self.rng.random() < 0.7:
                    model._end(session)
        start, refused = self.central.clock.monotonic(), [0]
        passed_s = 0.0
        while passed_s < CALM_S or not self._is_quiet():
            passed_s = self.central.clock.monotonic() - start
            assert passed_s < QUIET_WITHIN_S, "it is never quiet"
            if passed_s < RECOVERED_WITHIN_S:
                refused = [model.refused for model in self.models]
            for model in self.models:
                model.talk() if model.wire is not None else self._connect(model)
            for _ in range(40):
                self._deliver()
            self.central.settle()
            self.central.clock.step(0.5)
            self.central.tick()
        assert refused == [model.refused for model in self.models], "InternalError without a fault"

    def _is_quiet(self) -> bool:
        told = all(model.told_everything and model.wire is not None for model in self.models)
        return told and all(wire.station_there for wire in self.wires)

    # -- what must hold

    def _open_per_evse(self) -> int:
        found = self.reader.execute(
            "SELECT count(*) AS n FROM transactions WHERE ended_at IS NULL"
            " GROUP BY station_id, evse_id ORDER BY n DESC"
        ).fetchone()
        return int(found[0]) if found else 0

    def _is_on_disk(self, model: StationModel, message: Message) -> None:
        """What a station just heard acknowledged is durable at this moment."""
        session = message.session
        if session is None:
            return
        assert len(session.numbers) <= 1, f"{model.id}: a start was answered with {session.numbers}"
        match message.action:
            case "StartTransaction":
                found = self.reader.execute(
                    "SELECT count(*) FROM transactions WHERE station_id = ? AND evse_id = ? AND number = ?",
                    (model.id, session.evse_id, session.number),
                ).fetchone()
                assert found == (1,), f"{model.id}: the start of {session.number} was lost"
            case "StopTransaction" if session.number is not None:
                found = self.reader.execute(
                    "SELECT ended_by, meter_stop_wh FROM transactions WHERE number = ?", (session.number,)
                ).fetchone()
                assert found == ("station", session.meter_wh), (
                    f"{model.id}: the stop of {session.number} was lost"
                )
            case "MeterValues" if session.number is not None and message.values is not None:
                assert message.values[1] in self._registers(session), f"{model.id}: a meter value was lost"
            case _:
                pass

    def _registers(self, session: Session) -> list[int]:
        """The readings that disk has of a session."""
        rows = self.reader.execute(
            "SELECT energy_wh FROM meter_values WHERE transaction_id = ? ORDER BY id", (str(session.number),)
        )
        return [int(energy) for (energy,) in rows]

    def check(self) -> None:
        transactions = self.central.read(Transaction)
        by_number = {each.number: each for each in transactions}
        assert len(by_number) == len(transactions), "a number was given twice"
        for model in self.models:
            for session in model.sessions:
                self._check_session(model, session, transactions)
        self._check_nothing_made_up(transactions)
        self._check_meter_values()
        self._check_events(transactions)
        self._check_memory(transactions)

    def _check_session(self, model: StationModel, session: Session, transactions: list[Transaction]) -> None:
        rows = [each for each in transactions if _is_of(each, model, session)]
        assert len(rows) <= 1, f"{model.id}: the session was doubled: {rows}"
        if session.number is not None:
            assert [each.number for each in rows] == [session.number]
            assert sorted(set(self._registers(session))) == sorted(self._registers(session)), (
                "a value was doubled"
            )
            assert {wh for _, wh in session.values} <= set(self._registers(session)), "a value was lost"
            if session.stop_acknowledged:
                (row,) = rows
                assert (row.ended_by, row.meter_stop_wh, row.energy_wh) == (
                    "station",
                    session.meter_wh,
                    session.energy_wh,
                )
                assert row.ended_at == session.stopped_at
        elif session.stop_acknowledged and not rows:
            held = self.central.read(Quarantined)
            assert any(each.station_id == model.id and each.kind == "stop" for each in held), (
                "a stop was lost"
            )

    def _check_nothing_made_up(self, transactions: list[Transaction]) -> None:
        by_id = {model.id: model for model in self.models}
        for each in transactions:
            model = by_id[each.station_id]
            assert sum(_is_of(each, model, session) for session in model.sessions) == 1, each
            assert each.energy_wh is None or each.energy_wh >= 0

    def _check_meter_values(self) -> None:
        """Each value belongs to the session that was running at its time, there."""
        sessions = {session.number: session for model in self.models for session in model.sessions}
        for value in self.central.read(MeterValue):
            if not value.transaction_id:
                continue
            session = sessions.get(int(value.transaction_id))
            if session is None:
                continue  # a session whose start was never acknowledged
            assert value.evse_id == session.evse_id
            assert session.started_at <= value.at
            assert session.stopped_at is None or value.at <= session.stopped_at

    def _check_events(self, transactions: list[Transaction]) -> None:
        """The log of events, played from the beginning, ends in the rows that disk has."""
        told: dict[str, Transaction] = {}
        connectors: dict[tuple[str, int], ConnectorStatus] = {}
        connected: dict[str, bool] = {}
        for (payload,) in self.reader.execute("SELECT payload FROM events ORDER BY seq"):
            event: Event = msgspec.json.decode(payload, type=Event)
            match event:
                case TransactionStarted(transaction=each):
                    assert each.id not in told, f"{each.id} was started twice"
                    told[each.id] = each
                case TransactionEnded(transaction=each) | TransactionCorrected(transaction=each):
                    assert told[each.id] != each, f"an event without a change of {each.id}"
                    told[each.id] = each
                case ConnectorStatusChanged(connector=connector):
                    place = (connector.station_id, connector.evse_id)
                    assert connectors.get(place) != connector
                    connectors[place] = connector
                case StationConnected(station_id=station_id):
                    connected[station_id] = True
                case StationDisconnected(station_id=station_id):
                    assert connected[station_id], "it was not connected"
                    connected[station_id] = False
                case _:
                    pass
        assert told == {each.id: each for each in transactions}
        rows = self.central.read(ConnectorStatus)
        assert connectors == {(each.station_id, each.evse_id): each for each in rows}
        assert connected == {each.station_id: each.connected for each in self.central.read(StationStatus)}
        assert connected == {model.id: True for model in self.models}, "the newest socket of each has won"

    def _check_memory(self, transactions: list[Transaction]) -> None:
        """Memory is what disk is."""
        on_disk = {each.id: each for each in transactions}
        for running in self.central.node.stations.values():
            assert running.idle
            assert running.connection is not None
            if running.state is None:
                continue
            for id, transaction in running.state.transactions.items():
                assert transaction == on_disk[id]
            still_open = {each.id for each in running.state.open_transactions()}
            assert still_open == {
                each.id for each in transactions if each.station_id == running.id and each.ended_at is None
            }
        uses: dict[str, set[str]] = {}
        for each in transactions:
            if each.ended_at is None and each.authorization == "Accepted":
                uses.setdefault(each.id_token_canonical, set()).add(each.id)
        for name in ("CARD1", "CARD2", "CARD3", "STRANGER"):
            assert self.central.node.facts.uses.of(name) == uses.get(name, set())


def _is_of(transaction: Transaction, model: StationModel, session: Session) -> bool:
    return (
        transaction.station_id == model.id
        and transaction.evse_id == session.evse_id
        and transaction.meter_start_wh == session.meter_start_wh
        and abs((transaction.started_at - session.started_at).total_seconds()) < 0.001
    )
