"""Local lists of simulated stations: they become what the tokens say, whatever happens to them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from evsys.core.errors import InUse, StationUnknown
from evsys.core.events import TokenChanged, TokenRegistered, TokenRemoved
from evsys.core.records import LocalList, Station, Token
from evsys.core.work import Committed, Work
from evsys.csms.connection import Connection
from evsys.office.local_lists import LocalListView
from evsys.office.patience import FIRST_RETRY_S
from evsys.office.queue import SETTLED_AFTER
from evsys.simulator.cabinet import PointSettings
from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.commands import answer
from evsys.store.views import local_lists
from evsys.store.views.reader import records, select_record
from kit.clock import NOON
from kit.database import new_database
from kit.office import RunningOffice
from kit.waiting import until

HOUR = timedelta(hours=1)
SETTINGS = PointSettings(connectors=1, sessions=0, offline_spells=False)


class Charger:
    """A simulated station on a link to the node. `updates` are the SendLocalLists that it was sent, each with
    its payload; the next ones are answered with what is in `says`, without being obeyed."""

    def __init__(self, office: RunningOffice, name: str) -> None:
        self.point = ChargePoint(name, SETTINGS, 1, office.clock.now(), answer)
        self.updates: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.says: list[object] = []
        self.mute = False
        """Whether a SendLocalList is neither obeyed nor answered."""
        self._office = office
        self._connection: Connection | None = None

    @property
    def listed(self) -> dict[str, str]:
        entries = self.point.cabinet.tokens._list or {}
        return {name: info.status for name, info in entries.items()}

    async def connect(self) -> None:
        """Connect, boot where that is due, and settle."""
        self._connection = self._office.node.connect(self.point.name, "ocpp1.6", "127.0.0.1", self)
        self.point.connected(self._office.clock.now())
        self._say()
        await until(lambda: self.point.cabinet.registration == "Accepted")
        self._office.clock.step(SETTLED_AFTER.total_seconds())

    def disconnect(self) -> None:
        assert self._connection is not None
        self._connection.lost("gone")
        self.point.disconnected(self._office.clock.now())

    def send(self, frame: bytes) -> None:
        message = msgspec.json.decode(frame)
        if message[0] == 2:
            self.asked.append(message[2])
        if message[0] == 2 and message[2] == "SendLocalList":
            self.updates.append(message[3])
            if self.mute:
                return
            if self.says:
                said = self.says.pop(0)
                reply = [4, message[1], said, "", {}] if said == "InternalError" else [3, message[1], said]
                self._later(msgspec.json.encode(reply))
                return
        self.point.received(frame, self._office.clock.now())
        self._say()

    def close(self, code: int, reason: str) -> None:
        self.point.disconnected(self._office.clock.now())

    def _say(self) -> None:
        while self.point.outbox:
            self._later(self.point.outbox.pop(0))

    def _later(self, frame: bytes) -> None:
        assert self._connection is not None
        asyncio.get_running_loop().call_soon(self._connection.received, frame)


def kept(office: RunningOffice, station_id: str = "CP1") -> LocalList:
    (found,) = office.reader.read_here(partial(local_lists.listed, ids=[station_id]))
    return found.kept or LocalList(station_id=station_id)


async def view(office: RunningOffice, station_id: str = "CP1") -> LocalListView:
    return await office.office.local_lists.view(station_id, 100)


async def in_sync(office: RunningOffice, station_id: str = "CP1") -> None:
    """Wait until the list is as it should be."""
    async with asyncio.timeout(60):
        while not (await view(office, station_id)).in_sync:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def station(id: str = "CP1", **members: object) -> Station:
    return Station(**{"id": id, "local_list": True, "created_at": NOON, **members})  # type: ignore[arg-type]


def card(number: int, **members: object) -> Token:
    return Token(
        **{"id": f"CARD{number:04}", "created_at": NOON - number * HOUR, **members}  # type: ignore[arg-type]
    )


async def register(office: RunningOffice, *cards: Token) -> None:
    """Register tokens as people do, all at once."""
    work = Work(office.clock.now())
    for each in cards:
        work.add(each)
        work.tell(TokenRegistered(token=each, by="ann"))
    assert isinstance(await office.store.commit(work), Committed)


async def charger_of(office: RunningOffice, cards: int = 10, **members: object) -> Charger:
    """A station with so many tokens, connected and in sync."""
    await office.put(station(**members))
    await register(office, *(card(number) for number in range(cards)))
    charger = Charger(office, "CP1")
    await charger.connect()
    await in_sync(office)
    charger.updates.clear()
    return charger


async def block(office: RunningOffice, id: str) -> None:
    token = await office.office.tokens.find(id)
    await office.office.tokens.change(id, token.version, {"blocked": True}, "ann")


async def test_a_thousand_tokens_converge_on_twenty_stations_after_one_is_blocked(
    office: RunningOffice,
) -> None:
    names = [f"CP{number:02}" for number in range(20)]
    await office.put(*(station(name) for name in names))
    await register(office, *(card(number) for number in range(1000)))
    chargers = [Charger(office, name) for name in names]
    await asyncio.gather(*(each.connect() for each in chargers))
    everybody = {f"CARD{number:04}": "Accepted" for number in range(1000)}
    await until(lambda: all(each.listed == everybody for each in chargers), 120)
    assert {len(each.updates) for each in chargers} == {2}, "five hundred at once are taken"
    for name in names:
        await in_sync(office, name)
    await block(office, "CARD0500")
    await until(lambda: all(each.listed == everybody | {"CARD0500": "Blocked"} for each in chargers), 120)
    assert {len(each.updates) for each in chargers} == {3}
    for each in chargers:
        assert each.updates[2]["updateType"] == "Differential"
        assert each.updates[2]["localAuthorizationList"] == [
            {"idTag": "CARD0500", "idTagInfo": {"status": "Blocked"}}
        ]
    for name in names:
        await in_sync(office, name)
        assert kept(office, name).list_version == 3


async def test_many_changes_within_a_moment_are_one_update(office: RunningOffice) -> None:
    charger = await charger_of(office)
    work = Work(office.clock.now())
    new, blocked = card(99, id="NEW1"), card(1, blocked=True, version=2)
    work.add(new)
    work.tell(TokenRegistered(token=new, by="ann"))
    work.change(blocked)
    work.tell(TokenChanged(token=blocked, by="ann"))
    work.remove(card(2))
    work.tell(TokenRemoved(token_id="CARD0002", by="ann"))
    assert isinstance(await office.store.commit(work), Committed)
    await in_sync(office)
    assert len(charger.updates) == 1
    assert charger.listed["NEW1"] == "Accepted"
    assert charger.listed["CARD0001"] == "Blocked"
    assert "CARD0002" not in charger.listed


async def test_a_station_that_comes_back_is_sent_what_it_missed(office: RunningOffice) -> None:
    charger = await charger_of(office)
    charger.disconnect()
    await block(office, "CARD0003")
    await charger.connect()
    await until(lambda: charger.listed.get("CARD0003") == "Blocked")
    assert [each["updateType"] for each in charger.updates] == ["Differential"]


async def test_a_list_that_is_gone_after_a_boot_is_sent_again(office: RunningOffice) -> None:
    charger = await charger_of(office)
    charger.disconnect()
    fresh = Charger(office, "CP1")
    office.clock.step(1)
    await fresh.connect()
    await until(lambda: fresh.listed == charger.listed)
    assert [each["updateType"] for each in fresh.updates] == ["Full"]


@pytest.mark.parametrize("status", ["Failed", "VersionMismatch"])
async def test_what_the_station_refuses_is_mended_by_a_full_list(office: RunningOffice, status: str) -> None:
    charger = await charger_of(office)
    charger.says = [{"status": status}]
    await block(office, "CARD0003")
    await until(lambda: charger.listed.get("CARD0003") == "Blocked")
    assert [each["updateType"] for each in charger.updates] == ["Differential", "Full"]
    versions = [each["listVersion"] for each in charger.updates]
    assert versions == sorted(set(versions))  # type: ignore[type-var]
    await in_sync(office)


async def test_what_goes_on_failing_is_tried_again_later_and_told(office: RunningOffice) -> None:
    charger = await charger_of(office)
    charger.says = [{"status": "Failed"}] * 2 + ["InternalError"]
    await block(office, "CARD0003")
    await until(lambda: kept(office).state == "FAILED")
    assert kept(office).error == "the station answered Failed"
    await asyncio.sleep(1.2)
    assert len(charger.updates) == 2, "not at once"
    office.clock.step(FIRST_RETRY_S)
    await until(lambda: "InternalError" in kept(office).error)
    office.clock.step(2 * FIRST_RETRY_S)
    await in_sync(office)
    assert charger.listed["CARD0003"] == "Blocked"


async def test_a_station_without_lists_is_left_alone_until_somebody_asks(office: RunningOffice) -> None:
    await office.put(station(), card(1))
    charger = Charger(office, "CP1")
    charger.says = [{"status": "NotSupported"}]
    await charger.connect()
    await until(lambda: kept(office).state == "UNSUPPORTED")
    charger.disconnect()
    await office.office.tokens.create("NEW1", {}, "ann")
    await charger.connect()
    await asyncio.sleep(1.2)
    assert len(charger.updates) == 1
    await office.office.local_lists.sync("CP1")
    await in_sync(office)


async def test_a_station_whose_lists_are_switched_off_is_sent_none(office: RunningOffice) -> None:
    await office.put(station(), card(1))
    charger = Charger(office, "CP1")
    charger.point.cabinet.configuration.change("LocalAuthListEnabled", "false")
    await charger.connect()
    await until(lambda: kept(office).state == "DISABLED")
    await office.office.tokens.create("NEW1", {}, "ann")
    await asyncio.sleep(1.2)
    assert charger.updates == []


async def test_its_limits_are_kept_to(office: RunningOffice) -> None:
    await office.put(station())
    await register(office, *(card(number) for number in range(20)))
    charger = Charger(office, "CP1")
    limits = {"LocalAuthListMaxLength": "7", "SendLocalListMaxLength": "3"}
    charger.point.cabinet.configuration._changed.update(limits)
    await charger.connect()
    await in_sync(office)
    assert sorted(charger.listed) == [f"CARD{number:04}" for number in range(7)], "the newest ones"
    assert [each["updateType"] for each in charger.updates] == ["Full", "Differential", "Differential"]
    assert [each["listVersion"] for each in charger.updates] == [1, 2, 3]


async def test_a_token_that_expires_is_expired_on_the_list_by_itself(office: RunningOffice) -> None:
    charger = await charger_of(office)
    await office.office.tokens.create("SHORT", {"expires_at": office.clock.now() + HOUR}, "ann")
    await until(lambda: charger.listed.get("SHORT") == "Accepted")
    office.clock.step(3600)
    await until(lambda: charger.listed.get("SHORT") == "Expired")


async def test_a_station_that_is_opted_out_loses_its_list_and_is_left_alone(office: RunningOffice) -> None:
    charger = await charger_of(office)
    await office.office.stations.change("CP1", 1, {"local_list": False}, "ann")
    await until(lambda: charger.listed == {})
    await office.office.tokens.create("NEW1", {}, "ann")
    await asyncio.sleep(1.2)
    assert len(charger.updates) == 1
    with pytest.raises(InUse, match="local_list"):
        await office.office.local_lists.sync("CP1")
    assert not (await view(office)).wanted


async def test_what_a_removed_station_had_is_forgotten(office: RunningOffice) -> None:
    await charger_of(office)
    await office.office.stations.remove("CP1", None, "ann")
    await until(lambda: all_kept(office) == [])


def all_kept(office: RunningOffice) -> list[LocalList]:
    """All that is kept of lists."""
    return office.reader.read_here(
        lambda connection: records(connection, LocalList, select_record(LocalList))
    )


async def test_a_station_that_nobody_opted_in_is_asked_nothing(office: RunningOffice) -> None:
    await office.put(station(local_list=None), card(1))
    charger = Charger(office, "CP1")
    await charger.connect()
    await office.office.tokens.create("NEW1", {}, "ann")
    await asyncio.sleep(1.2)
    assert charger.asked == []
    assert (await view(office)).list is None
    with pytest.raises(StationUnknown):
        await view(office, "CP9")


@asynccontextmanager
async def life(path: Path) -> AsyncIterator[RunningOffice]:
    """One life of all processes on a database."""
    running = RunningOffice(path)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_a_restart_goes_on_from_what_was_sent(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    async with life(path) as office:
        charger = await charger_of(office)
        listed = charger.listed
    async with life(path) as office:
        again = Charger(office, "CP1")
        again.point.cabinet.tokens = charger.point.cabinet.tokens
        await block(office, "CARD0003")
        await again.connect()
        await until(lambda: again.listed == listed | {"CARD0003": "Blocked"})
        assert [each["updateType"] for each in again.updates] == ["Differential"]


async def test_an_office_that_died_in_the_middle_sends_the_whole_list(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    async with life(path) as office:
        charger = await charger_of(office)
        charger.mute = True
        await block(office, "CARD0003")
        await until(lambda: charger.updates != [])
        office._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await office._keeping
    async with life(path) as office:
        again = Charger(office, "CP1")
        again.point.cabinet.tokens = charger.point.cabinet.tokens
        await again.connect()
        await in_sync(office)
        assert [each["updateType"] for each in again.updates] == ["Full"]
