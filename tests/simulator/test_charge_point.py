"""A charge point in software on a stepped clock: its registration, its link, and what it does by itself."""

from datetime import timedelta

import pytest

from kit.clock import NOON
from kit.point import Central, charging, iso


def pending(central: Central, status: str = "Pending", interval: int = 60) -> None:
    central.results["BootNotification"] = {"status": status, "currentTime": iso(NOON), "interval": interval}


def test_it_boots_and_reports_itself_and_all_its_connectors() -> None:
    central = Central(connectors=2, sessions=0)
    central.pass_time(1)
    (boot,) = central.of("BootNotification")
    assert (boot["chargePointVendor"], boot["chargePointSerialNumber"]) == ("EVSYS", "SIM0001")
    reported = [(each["connectorId"], each["status"]) for each in central.of("StatusNotification")]
    assert reported == [(0, "Available"), (1, "Available"), (2, "Available")]


def test_heartbeats_come_at_the_interval_of_the_boot_whatever_the_speed() -> None:
    central = Central(sessions=0, speed=60.0)
    central.results["BootNotification"] = {"status": "Accepted", "currentTime": iso(NOON), "interval": 100}
    central.pass_time(1000)
    beats = [at for at, _, action in central.heard if action == "Heartbeat"]
    assert beats == [NOON + timedelta(seconds=100 * n) for n in range(1, 11)]
    assert central.ask("GetConfiguration", {"key": ["HeartbeatInterval"]})["configurationKey"] == [
        {"key": "HeartbeatInterval", "readonly": False, "value": "100"}
    ]


def test_a_changed_heartbeat_interval_holds_at_once() -> None:
    central = Central(sessions=0)
    central.pass_time(10)
    central.ask("ChangeConfiguration", {"key": "heartbeatinterval", "value": "7"})
    central.pass_time(70)
    assert len(central.of("Heartbeat")) == 10


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_a_station_that_is_not_accepted_says_nothing_but_its_boot(status: str) -> None:
    central = Central()
    pending(central, status)
    central.pass_time(290)
    assert {action for action, _ in central.said} == {"BootNotification"}
    assert len(central.said) == 5, "once at first, then after each interval"
    del central.results["BootNotification"]
    central.pass_time(60)
    assert central.said[6][0] == "StatusNotification"
    assert central.point.cabinet.registration == "Accepted"


def test_a_pending_station_sends_what_it_is_asked_for_and_starts_nothing() -> None:
    central = Central(sessions=0)
    pending(central, interval=0)
    central.pass_time(10)
    assert central.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}) == {
        "status": "Accepted"
    }
    assert central.statuses() == ["Available"]
    assert central.ask("RemoteStartTransaction", {"idTag": "A"}) == {"status": "Rejected"}
    central.pass_time(49)
    assert len(central.of("BootNotification")) == 1
    central.pass_time(2)
    assert len(central.of("BootNotification")) == 2, "without an interval it chooses one itself"


def test_a_rejected_station_is_silent_although_it_is_asked() -> None:
    central = Central(sessions=0)
    pending(central, "Rejected")
    central.pass_time(1)
    central.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
    central.pass_time(1)
    assert central.of("Heartbeat") == []


def test_a_boot_that_is_refused_is_tried_again() -> None:
    central = Central(sessions=0)
    central.refusing = {"BootNotification"}
    central.pass_time(150)
    assert len(central.of("BootNotification")) == 3


def test_a_boot_that_is_answered_with_nonsense_is_tried_again() -> None:
    central = Central(sessions=0)
    central.results["BootNotification"] = {"status": "Perhaps"}
    central.pass_time(70)
    assert len(central.of("BootNotification")) == 2


def test_after_a_lost_link_it_reports_its_state_and_does_not_boot() -> None:
    central = Central(sessions=0)
    central.pass_time(100)
    central.said.clear()
    central.cut()
    central.pass_time(10)
    assert [action for action, _ in central.said] == ["StatusNotification"] * 2


def test_links_are_tried_ever_later_and_at_once_again_after_one_that_held() -> None:
    central = Central(sessions=0)
    central.pass_time(1)
    central.reachable = False
    central.cut()
    tried = []
    for _ in range(8):
        before = central.now
        due = central.point.next_at
        assert due is not None
        central.pass_time((due - before).total_seconds())
        tried.append((due - before).total_seconds())
    for doublings, wait_s in enumerate(tried):
        least = 2.0 * 2 ** min(doublings, 5)
        assert least <= wait_s <= 3 * least
    central.reachable = True
    central.pass_time(200)
    central.cut()
    central.pass_time(6)
    assert central.point.mail.up


def test_a_call_that_is_not_answered_ends_the_link() -> None:
    central = Central(sessions=0)
    central.silent = {"Heartbeat"}
    central.pass_time(329)
    assert central.point.mail.up
    central.pass_time(2)
    assert not central.point.mail.up
    central.pass_time(10)
    assert central.point.mail.up
    assert len(central.of("BootNotification")) == 1


def test_message_ids_are_never_used_twice_over_all_links() -> None:
    central = Central(connectors=2, speed=60.0)
    for _ in range(20):
        central.pass_time(10)
        central.cut()
    ids = [id for _, id, _ in central.heard]
    assert len(ids) == len(set(ids))
    assert max(map(len, ids)) <= 36


def test_links_break_by_themselves_where_that_is_wanted() -> None:
    central = Central(offline_spells=True, sessions=0)
    down, last = [], True
    for _ in range(3 * 3600):
        central.pass_time(1)
        if central.point.mail.up != last:
            last = central.point.mail.up
            down.append(central.now)
    spells = [(back - gone).total_seconds() for gone, back in zip(down[::2], down[1::2], strict=False)]
    assert len(spells) >= 2
    assert all(29 <= spell <= 181 for spell in spells)


@pytest.mark.parametrize(("kind", "reason"), [("Hard", "HardReset"), ("Soft", "SoftReset")])
def test_a_reset_stops_what_runs_goes_away_and_boots(kind: str, reason: str) -> None:
    central = charging(sessions=1)
    before = len(central.of("StopTransaction"))
    assert central.ask("Reset", {"type": kind}) == {"status": "Accepted"}
    central.pass_time(2)
    assert not central.point.mail.up
    central.pass_time(30, until=lambda: len(central.of("BootNotification")) == 2)
    central.pass_time(60)
    (stop,) = central.of("StopTransaction")[before:]
    assert stop["reason"] == reason
    assert len(central.of("BootNotification")) == 2
    assert central.point.cabinet.registration == "Accepted"
    assert central.statuses()[-1] == "Available"


def test_a_soft_reset_waits_a_while_for_its_stop_to_be_acknowledged() -> None:
    central = charging(sessions=1)
    central.refusing = {"StopTransaction"}
    central.ask("Reset", {"type": "Soft"})
    central.pass_time(5)
    assert central.point.mail.up
    central.pass_time(10)
    assert not central.point.mail.up
    central.refusing = set()
    central.pass_time(60)
    assert central.point.cabinet.report[0].stop_acknowledged


def test_a_car_that_was_plugged_in_when_the_station_restarted_charges_afterwards() -> None:
    central = Central()
    central.pass_time(60, until=lambda: "Preparing" in central.statuses())
    central.ask("Reset", {"type": "Hard"})
    central.pass_time(60)
    assert len(central.of("BootNotification")) == 2
    assert central.statuses()[-1] == "Charging"


def test_a_reset_without_a_link_happens_and_boots_when_there_is_one() -> None:
    central = charging()
    central.point.reset(central.now, "HardReset")
    central.reachable = False
    central.cut()
    central.pass_time(60)
    central.reachable = True
    central.pass_time(200, until=lambda: len(central.of("BootNotification")) == 2)
    assert len(central.of("BootNotification")) == 2
    assert not central.point.cabinet.restarting


def test_frames_that_are_no_messages_change_nothing() -> None:
    central = charging()
    before = central.point.cabinet.report[0].transaction_id
    for frame in (b"", b"[]", b"{}", b"[3]", b'[3,"nobody",{}]', b'[4,"nobody","x","",{}]', b"[" * 5000):
        central.point.received(frame, central.now)
        central.settle()
    assert central.point.mail.up
    assert central.point.cabinet.report[0].transaction_id == before


@pytest.mark.parametrize("frame", [b'[2,"1","Reset",{"type":"\xff"}]', b"\xff"])
def test_text_that_is_not_utf8_ends_the_link(frame: bytes) -> None:
    central = charging()
    central.point.received(frame, central.now)
    assert central.point.hang_up


def test_it_is_done_when_its_sessions_are_over_and_acknowledged() -> None:
    central = Central(connectors=2, sessions=2)
    central.finish()
    assert len(central.point.cabinet.report) == 4
    assert not charging(sessions=1).point.done


def test_pings_follow_the_key_from_the_next_start_on() -> None:
    central = Central(sessions=0)
    central.pass_time(1)
    assert central.ask("ChangeConfiguration", {"key": "WebSocketPingInterval", "value": "10"}) == {
        "status": "RebootRequired"
    }
    central.pass_time(100)
    assert central.pings == 0
    central.ask("Reset", {"type": "Soft"})
    central.pass_time(60)
    central.cut()
    central.pass_time(100)
    assert 8 <= central.pings <= 15
