"""The node: what its stations have in common, and what people change."""

import asyncio

import msgspec

from evsys.core import records
from evsys.core.events import StationChanged, StationRegistered, StationRemoved, TokenChanged
from evsys.core.ports import (
    EVENTS,
    GATEWAY_STATUS,
    SAMPLES,
    CloseReply,
    CloseRequest,
    GatewayStatus,
    LatestSample,
)
from evsys.core.records import Knock
from evsys.core.work import Work
from evsys.csms.knocks import MAX_KNOCKS
from kit.central import Central, station, token


def change(central: Central, record: records.Record, event: object) -> None:
    """A change by people, as the office writes it."""
    work = Work(central.clock.now())
    work.change(record)
    work.tell(event)  # type: ignore[arg-type]
    central.commit(work)
    asyncio.run(central.node.refresh())


def test_a_changed_station_takes_effect(central: Central) -> None:
    peer = central.connect()
    changed = station("CP1", enabled=False, version=2)
    change(central, changed, StationChanged(station=changed))
    assert central.heard_of == [("CP1", changed)]
    assert peer.boot()["status"] == "Rejected"


def test_a_changed_token_takes_effect(central: Central) -> None:
    peer = central.connect()
    assert peer.ask("Authorize", {"idTag": "CARD"})["idTagInfo"] == {"status": "Accepted"}
    blocked = token("CARD", blocked=True, version=2)
    change(central, blocked, TokenChanged(token=blocked))
    assert peer.ask("Authorize", {"idTag": "CARD"})["idTagInfo"] == {"status": "Blocked"}


def test_a_token_changed_while_it_was_fetched_is_not_remembered_as_it_was(central: Central) -> None:
    peer = central.connect()
    id = peer.send("Authorize", {"idTag": "CARD"})
    blocked = token("CARD", blocked=True, version=2)
    work = Work(central.clock.now())
    work.change(blocked)
    central.node.facts.forget("CARD")
    central.commit(work)
    assert peer.answer_to(id) is not None
    assert peer.ask("Authorize", {"idTag": "CARD"})["idTagInfo"] == {"status": "Blocked"}


def test_a_removed_station_is_disconnected(central: Central) -> None:
    peer = central.connect()
    work = Work(central.clock.now())
    work.remove(station("CP1"))
    work.tell(StationRemoved(station_id="CP1"))
    central.commit(work)
    asyncio.run(central.node.refresh())
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1008
    assert central.heard_of == [("CP1", None)]
    assert central.event_kinds()[-1] == "StationRemoved", "nothing more is written of it"


def test_a_station_that_is_not_registered_is_disconnected(central: Central) -> None:
    peer = central.connect("NOBODY")
    assert peer.link.closed is not None
    central.pass_time(120)
    assert "NOBODY" not in central.node.stations


def test_an_unknown_station_is_registered_once(central: Central) -> None:
    async def both() -> list[records.Station | None]:
        first = asyncio.create_task(central.node.register("NEW", "10.0.0.1"))
        second = asyncio.create_task(central.node.register("NEW", "10.0.0.2"))
        await asyncio.sleep(0)
        central.settle()
        return [await first, await second]

    registered = asyncio.run(both())
    assert registered[0] is not None
    assert registered[0] == registered[1]
    assert central.event_kinds("StationRegistered") == ["StationRegistered"]
    assert central.heard_of[0][0] == "NEW"
    assert central.connect("NEW").boot()["status"] == "Accepted"


def test_a_registration_that_is_not_stored_is_none(central: Central) -> None:
    async def register() -> records.Station | None:
        task = asyncio.create_task(central.node.register("NEW", "10.0.0.1"))
        await asyncio.sleep(0)
        with central.full_disk():
            central.settle()
        return await task

    assert asyncio.run(register()) is None


def test_knocks_are_counted_over_restarts(central: Central) -> None:
    for _ in range(3):
        central.node.knocks.heard("STRANGER", "10.0.0.1")
    central.pass_time(2)
    central.node.knocks.heard("STRANGER", "10.0.0.2")
    central.pass_time(2)
    assert [(each.count, each.address) for each in central.read(Knock)] == [(4, "10.0.0.2")]
    first = central.read(Knock)[0].first_seen_at
    central.restart()
    central.clock.step(60)
    central.node.knocks.heard("STRANGER", "10.0.0.1")
    central.pass_time(2)
    assert [(each.count, each.first_seen_at) for each in central.read(Knock)] == [(5, first)]


def test_a_scanner_cannot_fill_memory_or_disk(central: Central) -> None:
    for number in range(MAX_KNOCKS + 500):
        central.node.knocks.heard(f"X{number}", "10.0.0.1")
    central.pass_time(2)
    assert len(central.read(Knock)) == MAX_KNOCKS


def test_last_seen_is_flushed_in_bulk(central: Central) -> None:
    central.put(*(station(f"S{number}") for number in range(600)))
    peers = [central.connect(f"S{number}") for number in range(600)]
    central.pass_time(10)
    commits = central.store.commits
    for peer in peers:
        peer.ask("Heartbeat", {})
    central.pass_time(6)
    assert central.store.commits - commits <= 2
    seen = central.read(records.LastSeen)
    assert len(seen) == 600
    assert all((central.clock.now() - each.at).total_seconds() < 10 for each in seen)


def test_the_gateway_says_who_is_connected_and_whether_the_store_is_well(central: Central) -> None:
    async def status() -> GatewayStatus:
        answer = central.node._answer_status(b"")
        return msgspec.json.decode(await answer, type=GatewayStatus)

    peer = central.connect()
    assert asyncio.run(status()) == GatewayStatus(connected=("CP1",))
    with central.full_disk():
        peer.refused("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
        assert asyncio.run(status()).store_failure
    peer.connection.lost("gone")
    assert asyncio.run(status()).connected == ()


def test_those_who_look_into_the_log_of_events_are_told(central: Central) -> None:
    heard: list[bytes] = []
    central.bus.subscribe(EVENTS, lambda subject, payload: heard.append(payload))
    peer = central.connect()
    peer.boot()
    central.pass_time(2)
    assert int(heard[-1]) == central.last_seq()
    told = len(heard)
    central.clock.step(1)
    for _ in range(50):
        peer.status("Available")
        peer.status("Preparing")
    central.pass_time(1)
    assert len(heard) - told <= 3, "many commits at one moment are told together"
    assert int(heard[-1]) == central.last_seq()


def test_stations_that_left_are_let_go_of(central: Central) -> None:
    peer = central.connect()
    peer.connection.lost("gone")
    central.pass_time(120)
    assert central.node.stations == {}


def test_stations_with_a_session_are_kept(central: Central) -> None:
    peer = central.connect()
    peer.start()
    peer.connection.lost("gone")
    central.pass_time(120)
    assert list(central.node.stations) == ["CP1"]


def test_start_and_stop(central: Central) -> None:
    """A stop answers what is under way, closes the links with 1001 and records their end."""

    async def life() -> None:
        await central.node.start()
        answer = await central.bus.request(GATEWAY_STATUS, b"", 1)
        assert msgspec.json.decode(answer, type=GatewayStatus).connected == ()
        peer = central.connect()
        id = peer.send(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        )
        stopping = asyncio.create_task(central.node.stop())
        while not stopping.done():
            central.flush()
            await asyncio.sleep(0.001)
        assert peer.answered_ids() == [id]
        assert peer.link.closed is not None
        assert peer.link.closed[0] == 1001

    asyncio.run(life())
    assert not central.status().connected


def test_what_people_do_is_followed_within_a_second(central: Central) -> None:
    async def follow() -> None:
        await central.node.start()
        changed = station("CP9")
        work = Work(central.clock.now())
        work.add(changed)
        work.tell(StationRegistered(station=changed, by="somebody"))
        central.commit(work)
        await asyncio.sleep(1)
        assert central.heard_of == [("CP9", changed)]
        stopping = asyncio.create_task(central.node.stop())
        while not stopping.done():
            central.flush()
            await asyncio.sleep(0.001)

    asyncio.run(follow())


def close(central: Central, transaction_id: str) -> CloseReply:
    """What an operator's wish to end a session comes to."""
    replies: list[CloseReply] = []
    request = CloseRequest(station_id="CP1", transaction_id=transaction_id, by="ann")
    central.node.close_transaction(request, replies.append)
    central.settle()
    (reply,) = replies
    return reply


def test_an_operator_ends_a_session_and_a_late_stop_replaces_its_end(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    number = peer.start()
    (transaction,) = central.transactions()
    assert close(central, transaction.id) == CloseReply()
    assert central.transactions()[0].ended_by == "operator"
    assert close(central, transaction.id) == CloseReply(found=False)
    peer.stop(number)
    assert central.transactions()[0].ended_by == "station"


def test_a_session_of_a_station_that_is_not_connected_is_ended(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    peer.start()
    central.restart()
    (transaction,) = central.transactions()
    assert close(central, transaction.id) == CloseReply()
    assert central.transactions()[0].ended_by == "operator"


def test_a_session_that_cannot_be_ended_now_is_said_to_be_so(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    peer.start()
    (transaction,) = central.transactions()
    with central.full_disk():
        assert close(central, transaction.id).failure
    assert central.transactions()[0].ended_by is None


def test_the_latest_sample_of_each_evse_is_published_at_most_once_a_second(central: Central) -> None:
    published: list[list[LatestSample]] = []
    central.bus.subscribe(
        SAMPLES, lambda _, payload: published.append(msgspec.json.decode(payload, type=list[LatestSample]))
    )
    peer = central.connect()
    peer.boot()
    number = peer.start()
    for energy in (1100, 1200, 1300):
        peer.meter_values(number, energy, at=f"2026-06-01T12:00:0{energy // 100 - 10}Z")
    assert published == []
    central.tick()
    ((sample,),) = published
    (transaction,) = central.transactions()
    assert (sample.station_id, sample.evse_id, sample.transaction_id) == ("CP1", 1, transaction.id)
    assert sample.energy_wh == 1300
    central.tick()
    assert len(published) == 1
