"""The load generator is honest: what it sends is what it is said to be, and what it counts was answered."""

import socket
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import msgspec
import pytest
from bench import servers
from bench.script import CYCLE, PLAN, Script, frame
from bench.stations import Station, Tally, WrongAnswer, connect, hear, load, pace

FIRST_ID = b"10000000"


@pytest.fixture
def pair() -> Iterator[tuple[Station, socket.socket]]:
    """A station that has sent its first CALL, a StartTransaction, and the other end of its socket."""
    near, far = socket.socketpair()
    with near, far:
        station = Station("CP1", near)
        station.next_frame(Script())
        yield station, far


def text_of(sent: bytes) -> bytes:
    """The payload of a masked frame whose mask is zero."""
    size, head = (sent[1] & 0x7F, 2) if sent[1] != 0xFE else (int.from_bytes(sent[2:4], "big"), 4)
    assert (sent[0], sent[1] & 0x80, sent[head : head + 4]) == (0x81, 0x80, bytes(4))
    assert size == len(sent) - head - 4
    return sent[head + 4 :]


def answer(text: bytes) -> bytes:
    """A frame of the server."""
    return bytes((0x81, len(text))) + text


def test_the_mix_is_what_it_is_said_to_be() -> None:
    shares = {step: PLAN.count(step) / CYCLE for step in "HNMST"}
    assert shares == {"H": 0.2, "N": 0.2, "M": 0.5, "S": 0.05, "T": 0.05}
    assert CYCLE == 20


def test_no_two_calls_of_a_station_say_the_same(pair: tuple[Station, socket.socket]) -> None:
    """Ids are new, each StatusNotification differs from the last, each MeterValues is newer and higher, and a
    session's messages name the transaction id that its start was answered."""
    station, script = Station("CP1", pair[0].socket), Script()
    ids, statuses, meters = [], [], []
    for place in range(10 * CYCLE):
        _, id, action, payload = msgspec.json.decode(text_of(station.next_frame(script)))
        ids.append(id)
        match action:
            case "StartTransaction":
                hear(station, answer(b'[3,"%s",{"transactionId":%d}]' % (id.encode(), 9 * place)), Tally())
                assert station.own == b"%d" % (9 * place)
            case "StatusNotification":
                statuses.append(payload["status"])
            case "MeterValues":
                assert payload["transactionId"] == int(station.own)
                (value,) = payload["meterValue"]
                samples = value["sampledValue"]
                assert len(samples) == 8
                meters.append((datetime.fromisoformat(value["timestamp"]), int(samples[0]["value"])))
            case "StopTransaction":
                assert payload["transactionId"] == int(station.own)
    assert len(set(ids)) == len(ids)
    assert all(one != other for one, other in pairwise(statuses))
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(meters))


def test_stations_share_their_lines_but_not_their_tags_and_transactions() -> None:
    script = Script()
    with socket.socket() as closed:
        one, other = Station("CP1", closed), Station("CP2", closed)
    one.own, other.own = b"7", b"4711"
    frames = [(text_of(one.next_frame(script)), text_of(other.next_frame(script))) for _ in range(CYCLE)]
    assert len(script.lines) == CYCLE
    for step, (mine, yours) in zip(PLAN, frames, strict=True):
        if step == "S":
            assert mine.replace(b"TCP1", b"TCP2") == yours
        elif step in "MT":
            assert mine.replace(b'"transactionId":7,', b'"transactionId":4711,') == yours
        else:
            assert mine == yours


def test_an_answer_in_pieces_counts_once_it_is_whole(pair: tuple[Station, socket.socket]) -> None:
    station, tally = pair[0], Tally()
    whole = answer(b'[3,"%s",{"transactionId":42,"idTagInfo":{}}]' % FIRST_ID)
    assert not hear(station, whole[:9], tally)
    assert hear(station, whole[9:], tally)
    assert (tally.acknowledged["S"], tally.numbered, station.own) == (1, 1, b"42")


def test_a_start_without_a_transaction_id_is_not_counted_as_numbered(
    pair: tuple[Station, socket.socket],
) -> None:
    station, tally = pair[0], Tally()
    assert hear(station, answer(b'[3,"%s",{}]' % FIRST_ID), tally)
    assert (tally.acknowledged["S"], tally.numbered) == (1, 0)


def test_an_answer_to_another_call_ends_the_run(pair: tuple[Station, socket.socket]) -> None:
    with pytest.raises(WrongAnswer, match="10000001"):
        hear(pair[0], answer(b'[3,"10000001",{}]'), Tally())


def test_a_second_answer_to_a_call_ends_the_run(pair: tuple[Station, socket.socket]) -> None:
    with pytest.raises(WrongAnswer):
        hear(pair[0], 2 * answer(b'[3,"%s",{}]' % FIRST_ID), Tally())


def test_an_error_is_counted_as_refused(pair: tuple[Station, socket.socket]) -> None:
    station, tally = pair[0], Tally()
    assert hear(station, answer(b'[4,"%s","InternalError","",{}]' % FIRST_ID), tally)
    assert (tally.refused, sum(tally.acknowledged.values())) == (1, 0)


def test_a_call_of_the_server_is_answered_and_is_no_answer(pair: tuple[Station, socket.socket]) -> None:
    station, far = pair
    call = answer(b'[2,"x1","Reset",{"type":"Soft"}]')
    assert not hear(station, call, Tally())
    assert far.recv(4096) == frame(b'[4,"x1","NotSupported","",{}]')
    assert hear(station, call + answer(b'[3,"%s",{}]' % FIRST_ID), Tally())


def test_a_station_that_is_cut_ends_the_run(pair: tuple[Station, socket.socket]) -> None:
    with pytest.raises(RuntimeError, match="CP1 was cut"):
        hear(pair[0], b"", Tally())


def test_every_call_of_a_load_is_answered_when_it_ends() -> None:
    script, tally = Script(), Tally()
    with servers.echo() as server:
        stations = connect(server.port, [f"CP{each}" for each in range(5)])
        wall_s = load(stations, 0.3, script, tally)
        sent = sum(station.place for station in stations)
        for station in stations:
            station.socket.close()
    assert wall_s >= 0.3
    assert sent == tally.calls == sum(tally.acknowledged.values()) > 0
    assert (tally.refused, tally.numbered) == (0, 0)


def test_a_paced_load_sends_as_many_calls_as_its_rate_says() -> None:
    script, tally = Script(), Tally()
    with servers.echo() as server:
        stations = connect(server.port, [f"CP{each}" for each in range(5)])
        wall_s = pace(stations, 0.6, script, tally, every_s=0.2)
        for station in stations:
            station.socket.close()
    assert tally.calls + tally.skipped == 15
    assert wall_s >= 0.5
    assert all(0 < each < 60 for each in tally.latencies_s)
