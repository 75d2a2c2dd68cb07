"""Signing in: by password and code or by a link; what ends a session, and what is told of it."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pyotp
import pytest
from msgspec.structs import replace

from evsys.core import events
from evsys.core.errors import BadCommand, InUse, NotAllowed, NotFound, SignInRefused, TooManyAttempts
from evsys.core.events import Event
from evsys.core.records import Location, Role, User
from evsys.office.access import FROM, Person, signed_in
from evsys.office.keys import digest
from evsys.office.passwords import FREE_ATTEMPTS
from evsys.office.sign_in import IDLE, LONGEST, MAX_SESSIONS, TOLD_A_MINUTE
from evsys.store.views import events as log
from evsys.store.views import people
from evsys.store.views.events import EventFilter
from kit.clock import NOON
from kit.office import RunningOffice

PASSWORD = "correct horse battery"
BY = "user:root"


async def joined(office: RunningOffice, id: str = "ann", role: Role = "operator") -> str:
    """Somebody who was invited and chose a password; the secret of their session."""
    await office.office.users.create(id, {"role": role}, BY)
    secret, _ = await office.office.sign_in.make_link(id, BY)
    return await office.office.sign_in.with_link(secret, PASSWORD, "", "a browser")


async def told(office: RunningOffice, *kinds: type[object]) -> list[Event]:
    which = EventFilter(kinds=tuple(kind.__name__ for kind in kinds))
    found, _ = await office.reader.read(partial(log.events_after, after=0, which=which, limit=500))
    return [each.event for each in found]


async def test_a_link_lets_somebody_choose_a_password_once(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    await office.office.users.create("ann", {"role": "viewer"}, BY)
    secret, link = await sign_in.make_link("ann", BY)
    assert link.purpose == "invitation"
    assert link.digest == digest(secret)
    session = await sign_in.with_link(secret, PASSWORD, "", "a browser")
    found = await sign_in.who(session)
    assert found is not None
    assert found.user.id == "ann"
    for again in (secret, secret + "x", "", "x" * 1000):
        with pytest.raises(SignInRefused):
            await sign_in.with_link(again, PASSWORD, "", "a browser")
    assert await sign_in.who(await sign_in.with_password("ann", PASSWORD, "", "another")) is not None


async def test_a_link_is_good_for_its_time_and_not_for_the_disabled(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    user = await office.office.users.create("ann", {"role": "viewer"}, BY)
    secret, link = await sign_in.make_link("ann", BY)
    office.clock.step((link.expires_at - NOON).total_seconds())
    with pytest.raises(SignInRefused):
        await sign_in.link(secret)
    secret, _ = await sign_in.make_link("ann", BY)
    await office.office.users.change("ann", user.version, {"enabled": False}, BY)
    with pytest.raises(SignInRefused):
        await sign_in.link(secret)
    with pytest.raises(InUse):
        await sign_in.make_link("ann", BY)
    with pytest.raises(NotFound):
        await sign_in.make_link("nobody", BY)


async def test_a_reset_ends_all_sessions_and_the_old_password(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    session = await joined(office)
    secret, link = await sign_in.make_link("ann", BY)
    other, _ = await sign_in.make_link("ann", BY)
    assert link.purpose == "reset"
    await sign_in.with_link(secret, "another password", "", "a browser")
    assert await sign_in.who(session) is None
    with pytest.raises(SignInRefused):
        await sign_in.with_password("ann", PASSWORD, "", "")
    with pytest.raises(SignInRefused):
        await sign_in.link(other)
    await sign_in.with_password("ann", "another password", "", "")


async def test_name_password_and_state_are_refused_in_the_same_words(office: RunningOffice) -> None:
    await joined(office)
    user = await office.office.users.create("bob", {"role": "viewer"}, BY)
    secret, _ = await office.office.sign_in.make_link("bob", BY)
    await office.office.sign_in.with_link(secret, PASSWORD, "", "")
    await office.office.users.change("bob", user.version, {"enabled": False}, BY)
    said = set()
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD), ("", "")):
        with pytest.raises(SignInRefused) as refused:
            await office.office.sign_in.with_password(name, password, "", "")
        said.add(str(refused.value))
    assert len(said) == 1
    reasons = [(e.user_id, e.reason) for e in await told(office, events.SignInRefused)]  # type: ignore[union-attr]
    assert reasons == [("ann", "password"), ("", "password"), ("bob", "disabled"), ("", "password")]


async def test_whoever_guesses_waits_even_with_the_right_password(office: RunningOffice) -> None:
    await joined(office)
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(SignInRefused):
            await office.office.sign_in.with_password("ann", "wrong", "", "")
    with pytest.raises(TooManyAttempts):
        await office.office.sign_in.with_password("ann", PASSWORD, "", "")
    office.clock.step(2.5)
    await office.office.sign_in.with_password("ann", PASSWORD, "", "")


async def test_the_log_is_not_flooded_with_refusals(office: RunningOffice) -> None:
    for number in range(TOLD_A_MINUTE + 7):
        await office.office.sign_in._refused("password", f"u{number}")
    assert len(await told(office, events.SignInRefused)) == TOLD_A_MINUTE
    office.clock.step(61)
    await office.office.sign_in._refused("password", "last")
    last = (await told(office, events.SignInRefused))[-1]
    assert cast(events.SignInRefused, last).times == 8


async def test_a_session_ends_idle_and_after_a_week_and_when_somebody_is_disabled(
    office: RunningOffice,
) -> None:
    sign_in = office.office.sign_in
    session = await joined(office)
    began = office.clock.now()
    while office.clock.now() - began < LONGEST - timedelta(hours=1):
        assert await sign_in.who(session) is not None
        office.clock.step(IDLE.total_seconds() - 60)
    office.clock.step(3600)
    assert await sign_in.who(session) is None
    session = await sign_in.with_password("ann", PASSWORD, "", "")
    office.clock.step(IDLE.total_seconds() + 1)
    assert await sign_in.who(session) is None
    await sign_in.sweep()
    assert await office.reader.read(partial(people.sessions_of, user_id="ann")) == []
    session = await sign_in.with_password("ann", PASSWORD, "", "")
    user = await office.office.users.find("ann")
    await office.office.users.change("ann", user.version, {"enabled": False}, BY)
    assert await sign_in.who(session) is None


async def test_signing_out_ends_one_session_and_everywhere_all(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    first, second = await joined(office), await sign_in.with_password("ann", PASSWORD, "", "")
    found = await sign_in.who(first)
    assert found is not None
    await sign_in.sign_out(found.session, "user:ann")
    assert await sign_in.who(first) is None
    assert await sign_in.who(second) is not None
    third = await sign_in.with_password("ann", PASSWORD, "", "")
    assert await sign_in.sign_out_everywhere("ann", "user:ann", but=digest(third)) == 1
    assert await sign_in.who(second) is None
    assert await sign_in.who(third) is not None


async def test_somebody_has_so_many_sessions_and_the_oldest_ends(office: RunningOffice) -> None:
    first = await joined(office)
    for _ in range(MAX_SESSIONS):
        office.clock.step(1)
        last = await office.office.sign_in._begin(
            (await office.office.users.find("ann")), "link", "", work_at(office)
        )
    assert await office.office.sign_in.who(first) is None
    assert await office.office.sign_in.who(last) is not None
    assert len(await office.reader.read(partial(people.sessions_of, user_id="ann"))) == MAX_SESSIONS


def work_at(office: RunningOffice):  # type: ignore[no-untyped-def]
    from evsys.core.work import Work

    return Work(office.clock.now())


async def test_a_change_of_the_password_needs_the_old_one_and_makes_the_session_anew(
    office: RunningOffice,
) -> None:
    sign_in = office.office.sign_in
    first, other = await joined(office), await sign_in.with_password("ann", PASSWORD, "", "")
    found = await sign_in.who(first)
    assert found is not None
    with pytest.raises(SignInRefused):
        await sign_in.change_password(found.session, "wrong", "a new password")
    with pytest.raises(BadCommand):
        await sign_in.change_password(found.session, PASSWORD, "short")
    new = await sign_in.change_password(found.session, PASSWORD, "a new password")
    assert [await sign_in.who(each) is not None for each in (first, other, new)] == [False, False, True]


async def test_an_authenticators_code_is_needed_and_good_once(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    await joined(office)
    with pytest.raises(BadCommand):
        await sign_in.confirm_totp("ann", PASSWORD, "123456")
    secret = sign_in.begin_totp("ann")
    code = pyotp.TOTP(secret).at(office.clock.now())
    with pytest.raises(SignInRefused):
        await sign_in.confirm_totp("ann", "wrong", code)
    with pytest.raises(BadCommand):
        await sign_in.confirm_totp("ann", PASSWORD, "000000" if code != "000000" else "111111")
    await sign_in.confirm_totp("ann", PASSWORD, code)
    for wrong in ("", code, "12345a", "１２３４５６"):
        with pytest.raises(SignInRefused):
            await sign_in.with_password("ann", PASSWORD, wrong, "")
    office.clock.step(60)
    code = pyotp.TOTP(secret).at(office.clock.now())
    await sign_in.with_password("ann", PASSWORD, f"{code[:3]} {code[3:]}", "")
    with pytest.raises(SignInRefused):
        await sign_in.with_password("ann", PASSWORD, code, "")
    link, _ = await sign_in.make_link("ann", BY)
    with pytest.raises(SignInRefused):
        await sign_in.with_link(link, "another password", "", "")
    await sign_in.remove_totp("ann", BY)
    await sign_in.with_link(link, "another password", "", "")


async def test_nothing_that_is_stored_holds_a_secret(office: RunningOffice) -> None:
    session = await joined(office)
    link, _ = await office.office.sign_in.make_link("ann", BY)
    secret = office.office.sign_in.begin_totp("ann")
    await office.office.sign_in.confirm_totp("ann", PASSWORD, pyotp.TOTP(secret).at(office.clock.now()))
    office.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    for file in Path(office.path).parent.iterdir():
        if file.is_file():
            content = file.read_bytes()
            assert not any(each.encode() in content for each in (session, link, secret, PASSWORD))


async def test_the_first_link_is_there_until_an_administrator_has_a_password(office: RunningOffice) -> None:
    sign_in = office.office.sign_in
    first, second = await sign_in.first_link(), await sign_in.first_link()
    assert first is not None
    assert second is not None
    link, user = await sign_in.link(first)
    assert (user.id, user.role, link.purpose) == ("admin", "admin", "first")
    await sign_in.with_link(second, PASSWORD, "", "")
    assert await sign_in.first_link() is None
    with pytest.raises(SignInRefused):
        await sign_in.link(first)


async def test_all_that_people_do_is_told_with_where_they_came_from(office: RunningOffice) -> None:
    FROM.set("192.0.2.7")
    session = await joined(office)
    found = await office.office.sign_in.who(session)
    assert found is not None
    await office.office.sign_in.sign_out(found.session, "user:ann")
    kinds = (
        events.UserChanged,
        events.SignInLinkMade,
        events.PasswordChanged,
        events.SignedIn,
        events.SignedOut,
    )
    found_events = await told(office, *kinds)
    assert [type(each) for each in found_events] == list(kinds)
    assert {each.address for each in found_events} == {"192.0.2.7"}  # type: ignore[union-attr]


async def test_the_only_administrator_stays_one(office: RunningOffice) -> None:
    users = office.office.users
    root = await users.create("root", {"role": "admin"}, BY)
    for members in ({"role": "viewer"}, {"enabled": False}):
        with pytest.raises(InUse):
            await users.change("root", root.version, members, BY)
    with pytest.raises(InUse):
        await users.remove("root", None, BY)
    await users.create("other", {"role": "admin"}, BY)
    await users.remove("root", None, BY)


async def test_nothing_of_somebody_who_was_removed_comes_back_with_their_name(office: RunningOffice) -> None:
    session = await joined(office)
    link, _ = await office.office.sign_in.make_link("ann", BY)
    _, key = await office.office.keys.create_scoped("hers", "operator", (), None, BY, "ann")
    assert await office.office.keys.who(key) is not None
    await office.office.users.remove("ann", None, BY)
    await office.office.users.create("ann", {"role": "admin"}, BY)
    assert await office.office.sign_in.who(session) is None
    assert await office.office.keys.who(key) is None
    with pytest.raises(SignInRefused):
        await office.office.sign_in.link(link)
    with pytest.raises(SignInRefused):
        await office.office.sign_in.with_password("ann", PASSWORD, "", "")


async def test_a_key_may_no_more_than_whose_it_is(office: RunningOffice) -> None:
    await office.put(Location(id="yard", created_at=NOON))
    ann = await office.office.users.create("ann", {"role": "viewer", "location_ids": ("yard",)}, BY)
    _, secret = await office.office.keys.create_scoped("hers", "operator", (), None, BY, "ann")
    person = await office.office.keys.who(secret)
    assert person is not None
    assert (person.role, person.location_ids, person.user_id) == ("viewer", ("yard",), "ann")
    await office.office.users.change("ann", ann.version, {"enabled": False}, BY)
    assert await office.office.keys.who(secret) is None
    with pytest.raises(BadCommand):
        await office.office.keys.create_scoped("x", "viewer", (), None, BY, "nobody")


async def test_an_operator_keeps_the_drivers_and_touches_nobody_else(office: RunningOffice) -> None:
    users = office.office.users
    await users.create("driver", {}, BY)
    await users.create("boss", {"role": "admin"}, BY)
    operator = signed_in(User(id="op", role="operator", created_at=NOON))
    await users.may_be_edited("driver", {"email"}, operator)
    await users.may_be_edited("new", {"name"}, operator)
    for user_id, members in (
        ("driver", {"role"}),
        ("boss", {"email"}),
        ("boss", ()),
        ("new", {"location_ids"}),
    ):
        with pytest.raises(NotAllowed):
            await users.may_be_edited(user_id, members, operator)
    admin: Person = replace(operator, role="admin")
    await users.may_be_edited("boss", {"role"}, admin)


async def test_locations_that_are_not_there_and_an_administrators_are_refused(office: RunningOffice) -> None:
    with pytest.raises(BadCommand):
        await office.office.users.create("ann", {"role": "viewer", "location_ids": ("nowhere",)}, BY)
    await office.put(Location(id="yard", created_at=NOON))
    with pytest.raises(BadCommand):
        await office.office.users.create("ann", {"role": "admin", "location_ids": ("yard",)}, BY)
