"""One's own account and the page of users, through their forms."""

import re

import pyotp

from kit.office import PASSWORD, RunningOffice


async def test_a_password_is_changed_and_the_session_made_anew(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann") as visitor:
        before = visitor.client.cookies["evsys"]
        form = {"old": PASSWORD, "password": "another password", "again": "another passwort"}
        assert (await visitor.post("/account/password", form)).status_code == 400
        form["again"] = form["password"]
        assert (await visitor.post("/account/password", form)).status_code == 303
        assert visitor.client.cookies["evsys"] != before
        assert await office.office.sign_in.who(before) is None


async def test_an_authenticator_is_set_up_by_its_picture_and_first_code(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann") as visitor:
        page = (await visitor.post("/account/authenticator")).text
        assert "<svg" in page
        assert "style=" not in page
        secret = re.search(r'<pre class="secret">([A-Z2-7 ]+)</pre>', page)
        assert secret is not None
        code = pyotp.TOTP(secret[1].replace(" ", "")).at(office.clock.now())
        done = await visitor.post("/account/authenticator/confirm", {"code": code, "password": PASSWORD})
        assert done.status_code == 200
        assert "From now on you sign in with a code" in done.text
        wrong = await visitor.post("/account/authenticator/remove", {"password": "wrong"})
        assert wrong.status_code == 400
        assert (
            await visitor.post("/account/authenticator/remove", {"password": PASSWORD})
        ).status_code == 200


async def test_a_key_of_ones_own_may_no_more_than_oneself_and_is_shown_once(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann") as visitor:
        for wrong in (
            {"name": "x", "role": "admin", "days": "30"},
            {"name": "x", "role": "viewer", "days": "9999"},
        ):
            assert (await visitor.post("/account/keys", wrong)).status_code == 400
        made = await visitor.post("/account/keys", {"name": "mine", "role": "viewer", "days": "30"})
        secret = re.search(r'<pre class="secret">(\S+)</pre>', made.text)
        assert secret is not None
        person = await office.office.keys.who(secret[1])
        assert person is not None
        assert (person.user_id, person.role) == ("ann", "viewer")
        page = (await visitor.get("/account")).text
        assert secret[1] not in page
        revoke = re.search(r'action="(/account/keys/[^"]+/revoke)"', page)
        assert revoke is not None
        async with office.visitor("admin") as other:
            assert (await other.post(revoke[1])).status_code == 404
        assert (await visitor.post(revoke[1])).status_code == 303
        assert await office.office.keys.who(secret[1]) is None


async def test_somebody_is_invited_by_a_link_and_bound_to_a_location(office: RunningOffice) -> None:
    await office.office.locations.create("yard", {}, "test")
    async with office.visitor("admin") as admin, office.visitor(None) as invited:
        form = {"id": "bob", "role": "operator", "location": "yard"}
        assert (await admin.post("/users", form)).headers["location"] == "/users/bob"
        bob = await office.office.users.find("bob")
        assert (bob.role, bob.location_ids) == ("operator", ("yard",))
        page = (await admin.post("/users/bob/link")).text
        link = re.search(r'id="new-link">http://[^/]+(/link/[^<]+)<', page)
        assert link is not None
        assert "bob" in (await invited.get(link[1])).text
        chosen = {"password": PASSWORD, "again": PASSWORD}
        assert (await invited.post(link[1], {**chosen, "again": "x"})).status_code == 400
        assert (await invited.post(link[1], chosen)).status_code == 303
        assert (await invited.get("/stations")).status_code == 200
        assert (await invited.get(link[1])).status_code == 404, "it was good once"
        stale = {"version": "99", "role": "viewer", "enabled": "on"}
        assert (await admin.post("/users/bob", stale)).status_code == 400
        change = {"version": str(bob.version), "role": "viewer"}
        assert (await admin.post("/users/bob", change)).status_code == 303
        assert (await invited.get("/stations")).status_code == 303, "they are disabled now"
        assert (await admin.post("/users/bob/remove")).status_code == 303
        assert (await admin.get("/users/bob")).status_code == 404


async def test_language_and_colours_are_chosen_and_kept(office: RunningOffice) -> None:
    async with office.visitor(None) as visitor:
        chosen = await visitor.post("/choose", {"language": "es", "theme": "dark", "next": "/sign-in"})
        assert chosen.headers["location"] == "/sign-in"
        page = (await visitor.get("/sign-in")).text
        assert 'lang="es"' in page
        assert 'data-bs-theme="dark"' in page
        assert "Contraseña" in page
        wrong = await visitor.post("/choose", {"theme": "x", "next": "//evil"})
        assert "set-cookie" not in wrong.headers
        assert wrong.headers["location"] == "/"
