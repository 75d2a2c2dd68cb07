"""What EVSYS does of itself after a boot, and after a reconnect without one."""

from collections.abc import Callable

import pytest

from evsys.csms.provisioning import ASK_AGAIN_AFTER_S, SETTLED_AFTER_S
from kit.central import BOOT, Central, Peer

MEASURANDS = ("Power.Active.Import", "SoC")
REGISTER = "Energy.Active.Import.Register"
SAMPLED = "MeterValuesSampledData"
Make = Callable[..., Central]


def booted(make_central: Make, **settings: object) -> tuple[Central, Peer]:
    central = make_central(**({"measurands": MEASURANDS} | settings))
    peer = central.connect()
    peer.boot()
    return central, peer


def has(peer: Peer, measurands: str, interval: str = "60", **more: object) -> None:
    """The station answers the question for its configuration."""
    assert peer.calls()[-1][1] == "GetConfiguration"
    keys = [
        {"key": SAMPLED, "readonly": False, "value": measurands, **more},
        {"key": "MeterValueSampleInterval", "readonly": False, "value": interval},
    ]
    peer.answer({"configurationKey": keys})


def written(peer: Peer) -> list[tuple[object, object]]:
    return [
        (payload["key"], payload["value"])
        for _, action, payload in peer.calls()
        if action == "ChangeConfiguration"
    ]


def test_what_is_missing_is_added_to_the_stations_own_list(make_central: Make) -> None:
    _, peer = booted(make_central)
    has(peer, f"Voltage, {REGISTER},soc")
    assert written(peer) == [(SAMPLED, f"Voltage,{REGISTER},soc,Power.Active.Import")]


def test_the_energy_register_is_never_lost(make_central: Make) -> None:
    _, peer = booted(make_central)
    has(peer, "Voltage")
    assert written(peer) == [(SAMPLED, f"Voltage,Power.Active.Import,SoC,{REGISTER}")]


def test_nothing_is_written_where_nothing_is_missing(make_central: Make) -> None:
    _, peer = booted(make_central)
    has(peer, f'"power.active.import, soc, {REGISTER.lower()}"')
    assert written(peer) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"unknownKey": [SAMPLED]},
        {},
        {"configurationKey": [{"key": SAMPLED, "readonly": False}]},
        {"configurationKey": [{"key": SAMPLED, "readonly": True, "value": "Voltage"}]},
    ],
)
def test_a_list_that_cannot_be_read_or_changed_is_left_as_it_is(
    make_central: Make, answer: dict[str, object]
) -> None:
    _, peer = booted(make_central)
    peer.answer(answer)
    assert written(peer) == []


def test_a_station_that_refuses_the_question_is_left_alone(make_central: Make) -> None:
    _, peer = booted(make_central)
    peer.refuse("InternalError")
    assert len(peer.calls()) == 1


def test_the_sample_interval_is_asserted(make_central: Make) -> None:
    _, peer = booted(make_central, measurands=(), sample_interval_s=30)
    has(peer, "Voltage", interval="900")
    assert written(peer) == [("MeterValueSampleInterval", "30")]


def test_key_names_are_written_as_the_station_spells_them(make_central: Make) -> None:
    _, peer = booted(make_central)
    peer.answer(
        {"configurationKey": [{"key": "meterValuesSampledData", "readonly": False, "value": REGISTER}]}
    )
    assert written(peer)[0][0] == "meterValuesSampledData"


def test_the_boot_is_answered_first(make_central: Make) -> None:
    central = make_central(measurands=MEASURANDS)
    peer = central.connect()
    id = peer.send("BootNotification", BOOT)
    central.settle()
    assert id.encode() in peer.link.sent[0]
    assert b"GetConfiguration" in peer.link.sent[1]


def test_a_station_that_is_not_accepted_is_not_configured(make_central: Make) -> None:
    central = make_central(measurands=MEASURANDS)
    central.change_station(registration="Pending")
    peer = central.connect()
    peer.boot()
    assert peer.calls() == []


def test_a_station_can_be_left_out(make_central: Make) -> None:
    central = make_central(measurands=MEASURANDS)
    central.change_station(assert_measurands=False)
    peer = central.connect()
    peer.boot()
    assert peer.calls() == []


def test_a_station_that_boots_again_and_again_after_a_write_is_left_alone(make_central: Make) -> None:
    """Quirk 33: some stations restart after each change of the measurands."""
    central, peer = booted(make_central)
    for _ in range(10):
        if peer.calls():
            has(peer, "Voltage")
            peer.answer({"status": "Accepted"})
        central.pass_time(30)
        peer.connection.lost("restarts")
        peer = central.connect()
        peer.boot()
    assert peer.calls() == []
    central.change_station(title="mended")
    peer.boot()
    assert len(peer.calls()) == 1, "people changed something: another attempt"


def test_a_station_that_restarts_before_it_answers_the_write_is_left_alone_too(make_central: Make) -> None:
    central, peer = booted(make_central)
    for _ in range(10):
        if peer.calls():
            has(peer, "Voltage")
        central.pass_time(30)
        peer.connection.lost("restarts")
        peer = central.connect()
        peer.boot()
    assert peer.calls() == []


def test_boots_that_follow_no_write_are_no_loop(make_central: Make) -> None:
    _, peer = booted(make_central)
    for _ in range(10):
        has(peer, f"{REGISTER},Power.Active.Import,SoC")
        peer.boot()
    assert len(peer.calls()) == 11


def test_a_reconnect_without_a_boot_is_asked_for_its_status_once_it_has_settled(central: Central) -> None:
    """Field problem 27: a station that reconnects does not boot, and must not be made to."""
    peer = central.connect()
    central.pass_time(int(SETTLED_AFTER_S) - 2)
    assert peer.calls() == []
    central.pass_time(5)
    assert [each[1:] for each in peer.calls()] == [
        ("TriggerMessage", {"requestedMessage": "StatusNotification"})
    ]


def test_a_link_that_flaps_is_not_asked_each_time(central: Central) -> None:
    asked = 0
    for _ in range(10):
        peer = central.connect()
        central.pass_time(int(SETTLED_AFTER_S) + 5)
        asked += len(peer.calls())
        peer.connection.lost("flaps")
    assert asked == 1
    central.pass_time(int(ASK_AGAIN_AFTER_S))
    peer = central.connect()
    central.pass_time(int(SETTLED_AFTER_S) + 5)
    assert len(peer.calls()) == 1


def test_a_link_that_breaks_before_it_settles_is_not_asked(central: Central) -> None:
    for _ in range(5):
        peer = central.connect()
        central.pass_time(10)
        peer.connection.lost("flaps")
        central.pass_time(60)
        assert peer.calls() == []


def test_a_station_that_booted_tells_its_status_itself(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    central.pass_time(120)
    assert peer.calls() == []


def test_a_station_that_cannot_be_triggered_is_not_asked_again(central: Central) -> None:
    peer = central.connect()
    central.pass_time(int(SETTLED_AFTER_S) + 5)
    peer.refuse("NotImplemented")
    peer.connection.lost("gone")
    central.pass_time(int(ASK_AGAIN_AFTER_S))
    peer = central.connect()
    central.pass_time(60)
    assert peer.calls() == []


def test_a_boot_is_never_triggered(make_central: Make) -> None:
    """Quirk 32: some stations restart when a boot is triggered."""
    central, peer = booted(make_central, sample_interval_s=30)
    peer.start()
    central.pass_time(300)
    peer.connection.lost("gone")
    peer = central.connect()
    central.pass_time(120)
    assert all(payload.get("requestedMessage") != "BootNotification" for _, _, payload in peer.calls())
