"""Commands over the bus: answers, and every error by its own name."""

import msgspec
import pytest

from evsys.bus.local import LocalHub
from evsys.core import errors
from evsys.core.commands import Reset
from evsys.core.ports import CommandReply, CommandRequest, station_subject
from evsys.csms.commands import refusal
from evsys.office.commands import Commands, error_of
from kit.central import station
from kit.office import RunningOffice


async def test_a_command_comes_back_with_what_the_station_said(office: RunningOffice) -> None:
    await office.put(station())
    charger = await office.station({"Reset": {"status": "Rejected"}})
    outcome = await office.office.commands.send("CP1", Reset(when="now"), "ann", 5)
    assert (outcome.accepted, outcome.status) == (False, "Rejected")
    assert charger.calls == [("Reset", {"type": "Hard"})]


async def test_a_station_that_is_not_connected_is_offline_at_once(office: RunningOffice) -> None:
    await office.put(station())
    with pytest.raises(errors.StationOffline, match="CP1"):
        await office.office.commands.send("CP1", Reset(), "ann", 60)


async def test_a_station_that_nobody_registered_is_unknown(office: RunningOffice) -> None:
    with pytest.raises(errors.StationUnknown, match="CP9"):
        await office.office.commands.send("CP9", Reset(), "ann", 60)


async def test_a_gateway_that_falls_silent_is_no_answer(office: RunningOffice) -> None:
    bus = LocalHub()

    async def silent(payload: bytes) -> bytes:
        raise RuntimeError("a bug")

    bus.serve(station_subject("CP1"), silent)
    with pytest.raises(errors.NoAnswer):
        await Commands(bus, office.reader).send("CP1", Reset(), "ann", 1)


async def test_the_request_says_who_asked_and_how_long_to_wait(office: RunningOffice) -> None:
    bus = LocalHub()
    asked: list[CommandRequest] = []

    async def answer(payload: bytes) -> bytes:
        asked.append(msgspec.json.decode(payload, type=CommandRequest))
        return msgspec.json.encode(CommandReply(error="NoAnswer", text="none"))

    bus.serve(station_subject("CP/1"), answer)
    for _ in range(2):
        with pytest.raises(errors.NoAnswer):
            await Commands(bus, office.reader).send("CP/1", Reset(when="idle"), "ann", 7)
    assert {(each.by, each.timeout_s, each.command) for each in asked} == {("ann", 7, Reset(when="idle"))}
    assert len({each.command_id for each in asked}) == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.StationOffline("a"),
        errors.NotSupportedByStation("b"),
        errors.BadCommand("c"),
        errors.CallFailed("NotSupported", "no", '{"x":1}'),
        errors.BadAnswer("d", "{}"),
        errors.NoAnswer("e"),
        errors.ConnectionLost("f"),
        errors.TooManyCalls("g"),
        errors.StoreUnavailable("h"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_its_name_and_words_over_the_bus(error: errors.EvsysError) -> None:
    back = error_of(msgspec.json.decode(msgspec.json.encode(refusal(error)), type=CommandReply))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
