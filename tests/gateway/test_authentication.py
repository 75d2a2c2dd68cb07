"""What a handshake proves: passwords, the floor, and what a refused station is told."""

import asyncio
import json
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsys.core.credentials import digest, key_bytes
from evsys.core.events import ConnectionRefused, StationConnected, StationSecurityChanged
from evsys.core.records import StationKey, StationProof, StationSecurity
from evsys.core.work import Committed, Work
from evsys.gateway.attempts import FAILURES_OF_STATION
from evsys.gateway.authentication import password
from kit.clock import NOON
from kit.gateway import SERVER_KEY, Serve, Served, request, station
from kit.waiting import until

KEY = "0001020304050607ffffffffffffffffffffffff"
OTHER = "ff" * 20
RECORDS: list[dict[str, dict[str, object]]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "handshake.json").read_text()
)
PASSWORDS = [each for each in RECORDS if str(each["id"]).startswith(("H-auth", "H-profile-downgrade"))]


def basic(user: str, secret: bytes) -> str:
    return "Basic " + b64encode(user.encode() + b":" + secret).decode()


def key(station_id: str = "CP1", text: str = KEY, number: int = 1) -> StationKey:
    kept = digest(SERVER_KEY, station_id, key_bytes(text))
    return StationKey(station_id=station_id, number=number, digest=kept, made_at=NOON)


def security(station_id: str = "CP1", profile: int = 1, **more: object) -> StationSecurity:
    return StationSecurity(station_id=station_id, minimum_profile=profile, **more)  # type: ignore[arg-type]


async def answer(
    served: Served, name: str = "CP1", authorization: str = ""
) -> tuple[int, dict[str, str], bytes]:
    """What a handshake is answered with."""
    headers = {"Authorization": authorization} if authorization else {}
    async with served.wire() as wire:
        wire.send(request(f"/ws/{name}", **headers))
        return await wire.answer()


async def proved(served: Served, authorization: str, name: str = "CP1", at_least: int = 1) -> int:
    """Connect, and stay until what was proved is recorded: the floor then."""
    async with served.wire() as wire:
        wire.send(request(f"/ws/{name}", Authorization=authorization))
        assert (await wire.answer())[0] == 101
        await until(lambda: served.floor(name) >= at_least and key_used(served, name) > 0)
    return served.floor(name)


def key_used(served: Served, name: str = "CP1") -> int:
    """The number of the key that a station used last; 0: none."""
    entry = served.index.find(name)
    assert entry is not None
    proof = entry.credentials.proof
    return proof.key_number if proof is not None else 0


# -- vectors -------------------------------------------------------------------------------------------------


def test_the_vectors_of_passwords_are_all_here() -> None:
    assert len(PASSWORDS) == 6


@pytest.mark.parametrize("record", PASSWORDS, ids=[str(record["id"]) for record in PASSWORDS])
async def test_a_password_of_the_vectors_is_answered_as_it_says(
    record: dict[str, dict[str, object]], serve: Serve
) -> None:
    """They are written for 2.0.1; what they say of passwords holds for 1.6, which is offered here."""
    asked, config, expected = record["request"], record["config"], record["expected"]
    name = str(config["station"])
    served = await serve(
        [station(name)],
        paths=("/ocpp",),
        credentials=[
            security(name, cast(int, config["profile"])),
            key(name, str(config["password"])),
        ],
    )
    headers = {"Authorization": str(asked["authorization"])} if "authorization" in asked else {}
    async with served.wire() as wire:
        wire.send(request(str(asked["path"]), **headers))
        status, answered, _ = await wire.answer()
    statuses = expected["http"]
    assert status in (statuses if isinstance(statuses, list) else [statuses])
    for header, begin in cast(dict[str, str], expected.get("headers", {})).items():
        assert answered[header.lower()].startswith(begin)


# -- passwords -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [bytes.fromhex(KEY), KEY.encode(), KEY.upper().encode()])
async def test_a_station_is_let_in_with_its_password_in_each_form(serve: Serve, secret: bytes) -> None:
    served = await serve(credentials=[security(), key()])
    assert await proved(served, basic("CP1", secret)) == 1
    assert [each.profile for each in served.read(StationProof)] == [1]


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("", "no password"),
        (basic("CP1", b"wrong"), "wrong password"),
        (basic("CP2", bytes.fromhex(KEY)), "wrong password"),
        ("Basic %%%", "wrong password"),
        ("Bearer abc", "wrong password"),
        ("Basic", "wrong password"),
    ],
)
async def test_a_station_without_its_password_is_told_to_bring_one_and_it_is_recorded(
    serve: Serve, authorization: str, reason: str
) -> None:
    served = await serve(credentials=[security(), key()])
    status, headers, body = await answer(served, authorization=authorization)
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="ocpp"')
    assert b"password" in body
    served.node.tick()
    await until(lambda: len(served.events(ConnectionRefused)) == 1)
    (event,) = served.events(ConnectionRefused)
    assert isinstance(event, ConnectionRefused)
    assert (event.station_id, event.reason) == ("CP1", reason)
    assert event.address.startswith("127.0.0.1:")
    assert served.gateway.counts.refused == {401: 1}
    assert not served.connected()


async def test_a_station_of_which_nothing_is_asked_may_bring_any_password(serve: Serve) -> None:
    served = await serve(credentials=[key("CP2")])
    for name in ("CP1", "CP2"):
        async with served.wire() as wire:
            wire.send(request(f"/ws/{name}", Authorization=basic(name, b"its own idea")))
            assert (await wire.answer())[0] == 101
            await until(partial(served.claimed, name))
    assert served.read(StationProof) == [], "and nothing is proved by that"


async def test_a_station_may_have_a_user_name_of_its_own(serve: Serve) -> None:
    served = await serve(credentials=[security(user="wallbox-7"), key()])
    assert (await answer(served, authorization=basic("wallbox-7", KEY.encode())))[0] == 101
    assert (await answer(served, authorization=basic("CP1", KEY.encode())))[0] == 401


async def test_a_user_name_is_compared_without_regard_to_case_as_identities_are(serve: Serve) -> None:
    served = await serve(credentials=[security(), key()])
    assert (await answer(served, "cp1", basic("cp1", KEY.encode())))[0] == 101


async def test_a_rotated_key_is_good_until_the_new_one_has_worked(serve: Serve) -> None:
    served = await serve(credentials=[security(), key(), key(text=OTHER, number=2)])
    await proved(served, basic("CP1", KEY.encode()))
    assert (await answer(served, authorization=basic("CP1", KEY.encode())))[0] == 101
    async with served.wire() as wire:
        wire.send(request("/ws/CP1", Authorization=basic("CP1", OTHER.encode())))
        assert (await wire.answer())[0] == 101
        await until(lambda: key_used(served) == 2)
    assert (await answer(served, authorization=basic("CP1", KEY.encode())))[0] == 401


async def test_a_station_that_proved_itself_is_not_let_in_without_that_any_more(serve: Serve) -> None:
    served = await serve(credentials=[security(profile=0), key()])
    assert (await answer(served))[0] == 101, "nothing is asked of it yet"
    assert await proved(served, basic("CP1", KEY.encode())) == 1
    assert (await answer(served))[0] == 401
    (event,) = [each for each in served.events(StationConnected) if getattr(each, "security_profile", 0) == 1]
    assert event


async def test_what_people_change_holds_from_the_next_handshake_on(serve: Serve) -> None:
    served = await serve()
    assert (await answer(served))[0] == 101
    work = Work(NOON)
    work.add(security())
    work.add(key())
    work.tell(StationSecurityChanged(station_id="CP1"))
    assert isinstance(await served.store.commit(work), Committed)
    await served.node.refresh()
    assert (await answer(served))[0] == 401
    assert (await answer(served, authorization=basic("CP1", KEY.encode())))[0] == 101


async def test_whoever_guesses_is_refused_unread_after_a_few_times(serve: Serve) -> None:
    served = await serve(credentials=[security(), key(), security("CP2"), key("CP2")])
    for _ in range(FAILURES_OF_STATION):
        assert (await answer(served, authorization=basic("CP1", b"guess")))[0] == 401
    status, headers, _ = await answer(served, authorization=basic("CP1", KEY.encode()))
    assert (status, headers["retry-after"]) == (429, "60")
    assert (await answer(served, "CP2", basic("CP2", KEY.encode())))[0] == 101
    served.node.tick()
    await until(lambda: len(served.events(ConnectionRefused)) == 2)
    assert {(each.reason, each.times) for each in served.events(ConnectionRefused)} == {  # type: ignore[union-attr]
        ("wrong password", FAILURES_OF_STATION),
        ("too many attempts", 1),
    }


async def test_no_password_reaches_the_log_or_the_events(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    served = await serve(credentials=[security(), key()])
    await answer(served, authorization=basic("CP1", b"the-wrong-secret"))
    await answer(served, authorization=basic("CP1", KEY.encode()))
    served.node.tick()
    await until(lambda: len(served.events(ConnectionRefused)) == 1)
    said = capsys.readouterr()
    for secret in ("the-wrong-secret", KEY, b64encode(b"CP1:the-wrong-secret").decode()):
        assert secret not in said.out + said.err
        assert secret not in str(served.events(ConnectionRefused))


# -- headers -------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_no_header_makes_the_reader_raise(authorization: str) -> None:
    assert password(authorization, "CP1") is None or "asic" in authorization.lower()


@given(st.text(max_size=30), st.binary(max_size=40))
def test_whatever_name_and_password_are_read_as_they_were_written(user: str, secret: bytes) -> None:
    assert password(basic(user, secret), user) == secret


# -- storms --------------------------------------------------------------------------------------------------


async def storm(serve: Serve, count: int) -> None:
    """So many stations with passwords reconnect at once, and all are let in."""
    names = [f"CP{number}" for number in range(count)]
    served = await serve(
        [station(name) for name in names],
        credentials=[record for name in names for record in (security(name), key(name))],
    )

    await asyncio.gather(*(proved(served, basic(name, bytes.fromhex(KEY)), name) for name in names))
    assert len(served.read(StationProof)) == count


async def test_stations_with_passwords_reconnect_in_a_storm(serve: Serve) -> None:
    await storm(serve, 300)


@pytest.mark.long
async def test_two_thousand_stations_with_passwords_reconnect_in_a_storm(serve: Serve) -> None:
    await storm(serve, 2000)
