"""The facts of a node: bounded, joined, and given in order."""

import pytest

from evsys.csms import facts
from kit.central import Central, station, token


def test_numbers_rise_by_one(central: Central) -> None:
    peer = central.connect()
    numbers = [peer.start(meter=meter) for meter in range(5)]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert numbers[0] > 0


def test_a_number_is_not_lost_when_the_turn_is_taken_again(central: Central) -> None:
    peer = central.connect()
    first = peer.start(token="UNKNOWN1", meter=1)
    assert peer.start(token="UNKNOWN2", meter=2) == first + 1


def test_numbers_are_never_given_twice(central: Central) -> None:
    given = set()
    for meter in range(4):
        peer = central.connect()
        given.add(peer.start(meter=meter))
        central.restart()
    assert len(given) == 4


def test_a_block_that_runs_out_is_followed_by_another(
    central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    central.put(*(station(f"S{number}") for number in range(300)))
    peers = [central.connect(f"S{number}") for number in range(300)]
    numbers = {peer.start(token=f"T{i}", meter=meter) for meter in range(8) for i, peer in enumerate(peers)}
    assert len(numbers) == 2400


def test_tokens_in_memory_are_bounded(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_TOKENS", 10)
    peer = central.connect()
    for number in range(50):
        peer.ask("Authorize", {"idTag": f"T{number}"})
    assert len(central.node.facts.tokens) == 10
    assert peer.ask("Authorize", {"idTag": "CARD"})["idTagInfo"] == {"status": "Accepted"}


def test_stations_that_need_the_same_token_ask_for_it_once(central: Central) -> None:
    central.put(token("SHARED", max_concurrent=None), *(station(f"S{number}") for number in range(5)))
    peers = [central.connect(f"S{number}") for number in range(5)]
    ids = [peer.send("Authorize", {"idTag": "SHARED"}) for peer in peers]
    assert len(central.node.facts._waiting) == 1
    assert all(peer.answer_to(id) is not None for peer, id in zip(peers, ids, strict=True))


def test_a_retried_start_is_not_in_its_own_way(central: Central) -> None:
    """Field problem 2: ConcurrentTx on one's own retry."""
    peer = central.connect()
    at = central.clock.now().isoformat()
    number = peer.start(at=at)
    again = peer.ask(
        "StartTransaction", {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": at}
    )
    assert again == {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
