"""Running stations are dealt with as their models need it, as soon as it is known who they are."""

from collections.abc import Callable

from evsys.core.commands import Reset
from evsys.core.ports import CommandReply, CommandRequest
from evsys.core.workarounds import ModelProfile, Models, Workarounds
from kit.central import BOOT, Central, Peer

Make = Callable[..., Central]
MEASURANDS = ("SoC",)


def booted(make_central: Make, needs: Workarounds, **settings: object) -> tuple[Central, Peer]:
    models = Models([ModelProfile(name="acme", vendor="ACME", workarounds=needs)])
    central = make_central(models=models, **settings)
    peer = central.connect()
    peer.boot()
    return central, peer


def actions(peer: Peer) -> list[str]:
    return [action for _, action, _ in peer.calls()]


def test_a_configuration_that_is_kept_is_not_written_after_a_boot(make_central: Make) -> None:
    _, other = booted(make_central, Workarounds(), measurands=MEASURANDS)
    _, peer = booted(make_central, Workarounds(keep_configuration=True), measurands=MEASURANDS)
    assert (actions(other), actions(peer)) == (["GetConfiguration"], [])


def test_a_station_that_comes_up_out_of_service_is_put_into_it(make_central: Make) -> None:
    _, peer = booted(make_central, Workarounds(operative_after_boot=True))
    assert peer.calls()[0][1:] == ("ChangeAvailability", {"connectorId": 0, "type": "Operative"})


def test_a_slow_model_has_its_own_time(make_central: Make) -> None:
    central, peer = booted(make_central, Workarounds(call_timeout_s=90))
    replies: list[CommandReply] = []
    central.node.command("CP1", CommandRequest(command=Reset(), command_id="c1"), replies.append)
    central.settle()
    central.pass_time(60)
    assert replies == []
    peer.answer({"status": "Accepted"})
    assert [reply.error for reply in replies] == [""]


def test_broken_json_is_mended_from_the_boot_on_and_after_a_reconnect(make_central: Make) -> None:
    central, peer = booted(make_central, Workarounds(mend_json=True))
    broken = b'[2,"m1","Heartbeat",{"a":,}]'
    peer.connection.received(broken)
    again = central.connect()
    again.connection.received(broken)
    central.settle()
    assert "m1" in peer.answered_ids()
    assert "m1" in again.answered_ids()
    assert central.node.shared.quirks.counts("CP1")["broken_json"] == 2


def test_strict_conformance_takes_no_message_that_was_mended(make_central: Make) -> None:
    central, peer = booted(make_central, Workarounds(mend_json=True))
    central.change_station(conformance="strict")
    peer.connection.received(b'[2,"m1","Heartbeat",{"a":,}]')
    assert (peer.answer_to("m1") or [])[2] == "FormationViolation"


def test_what_people_set_holds_at_once(make_central: Make) -> None:
    central, _ = booted(make_central, Workarounds(stack_level=0))
    assert central.state().workarounds == Workarounds(stack_level=0)
    central.change_station(workarounds=Workarounds(stack_level=2))
    assert central.state().workarounds == Workarounds(stack_level=2)
    central.change_station(model_profile="none", workarounds=Workarounds())
    assert central.state().workarounds == Workarounds()


def test_a_station_is_known_again_after_a_restart(make_central: Make) -> None:
    central, _ = booted(make_central, Workarounds(stack_level=0))
    central.restart()
    central.connect()
    assert central.state().workarounds == Workarounds(stack_level=0)


def test_a_new_firmware_may_be_of_another_profile(make_central: Make) -> None:
    old = ModelProfile(name="old", vendor="Acme", firmware="1.*", workarounds=Workarounds(read_back=True))
    central = make_central(models=Models([old]))
    peer = central.connect()
    peer.ask("BootNotification", BOOT | {"firmwareVersion": "1.5"})
    assert central.state().workarounds.read_back
    peer.ask("BootNotification", BOOT | {"firmwareVersion": "2.0"})
    assert central.state().workarounds == Workarounds()


def test_what_is_never_triggered_is_not_polled_nor_asked_for_after_a_reconnect(make_central: Make) -> None:
    central, peer = booted(
        make_central,
        Workarounds(never_trigger=("MeterValues", "StatusNotification")),
        poll_interval_s=20.0,
    )
    central.change_station(poll_meter_values=True)
    peer.start()
    again = central.connect()
    central.pass_time(120)
    assert (actions(peer), actions(again)) == ([], [])
    central.change_station(workarounds=Workarounds(never_trigger=("StatusNotification",)))
    central.pass_time(30)
    assert actions(again) == ["TriggerMessage"]
