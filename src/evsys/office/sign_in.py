"""Signing in: by password and code, or by a link that is good once; sessions, and how they end.

A session is 256 random bits in a cookie; its digest is kept, and is looked up with every request, so that one
which is ended is refused with the next. It is made anew with every sign-in and every change of the password:
what somebody planted in a browser before is worth nothing after. It ends when it was idle for half a day, and
after a week in any case.

What is refused is refused in the same words and the same time, whichever of name, password and code was
wrong; whoever goes on guessing waits longer and longer (`office.passwords`).
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import uuid4

import structlog
from msgspec.structs import replace

from evsys.core.errors import (
    BadCommand,
    InUse,
    NotFound,
    SignInRefused,
    StaleVersion,
    StoreUnavailable,
    TooManyAttempts,
)
from evsys.core.events import (
    PasswordChanged,
    SignedIn,
    SignedOut,
    SignInLinkMade,
    TwoFactorChanged,
    UserChanged,
)
from evsys.core.events import SignInRefused as SignInRefusedEvent
from evsys.core.ports import Clock
from evsys.core.records import LinkPurpose, Role, User, UserLink, UserLogin, UserSession
from evsys.core.work import Work
from evsys.office.access import FROM
from evsys.office.keys import digest
from evsys.office.passwords import BackOff, Passwords, good_enough
from evsys.office.totp import Codes
from evsys.office.writing import Books
from evsys.store.views import people
from evsys.store.views.people import Identity, SignedInAs
from evsys.store.views.reader import Reader, record_by_id

LINK_PATH: Final = "/link/"
"""Where the console takes a link: its secret follows."""
SECRET_BYTES: Final = 32
MAX_SECRET_CHARACTERS: Final = 100
"""A longer one is none of ours and is not even hashed."""
IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=7)
SEEN_EVERY: Final = timedelta(minutes=5)
"""A session that is used is written down so often."""
MAX_SESSIONS: Final = 20
"""Of one person; the oldest ends when there are more."""
MAX_AGENT: Final = 200
LINK_FOR: Final[dict[LinkPurpose, timedelta]] = {
    "first": timedelta(days=1),
    "invitation": timedelta(days=7),
    "reset": timedelta(hours=4),
}
MAX_LINKS: Final = 5
"""Of one person; the older ones are good no more when there are more."""
FIRST_USER: Final = "admin"
MAX_PENDING: Final = 100
"""Authenticators that are being set up."""
TOLD_A_MINUTE: Final = 30
"""Refusals that are told in the log of events; further ones are counted in the next."""

SWEEP_EVERY_S: Final = 600.0

Method = Literal["password", "password and code", "link"]
Reason = Literal["password", "code", "disabled", "too many attempts", "link"]
REFUSED: Final = "the name, the password or the code is wrong"
log = structlog.get_logger()

LINK_REFUSED: Final = "this link is no longer good: ask for a new one"


class SignIn:
    """Who signs in to a running office. All methods raise StoreUnavailable where the database cannot. Where
    whoever asks comes from is in `office.access.FROM`."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, server_key: bytes) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._server_key = server_key
        self._passwords = Passwords()
        self._codes = Codes(server_key)
        self._back_off = BackOff()
        self._pending: OrderedDict[str, str] = OrderedDict()
        """Secrets of authenticators that are being set up, by user."""
        self._told: tuple[float, int] = 0.0, 0
        self._untold = 0

    # -- in

    async def with_password(self, user_id: str, password: str, code: str, agent: str) -> str:
        """Sign in; returns the secret of a new session. Raises SignInRefused or TooManyAttempts."""
        now, address = self._clock.monotonic(), FROM.get()
        if self._back_off.wait_s(now, user_id, address):
            await self._refused("too many attempts", "", told=False)
            raise TooManyAttempts("too many attempts: wait a while before the next")
        found = await self._identity(user_id)
        login = found.login if found else None
        right = await self._passwords.fits(login.password if login else "", password)
        step = self._codes.step_of(login, code, self._clock.now()) if login and right else None
        reason = _refusal(found, right, step)
        if reason or found is None or login is None:
            self._back_off.failed(self._clock.monotonic(), user_id, address)
            await self._refused(reason or "password", found.user.id if found else "")
            raise SignInRefused(REFUSED)
        self._back_off.succeeded(user_id, address)
        work = Work(self._clock.now())
        if step:
            work.change(replace(login, totp_step=step, version=login.version + 1))
        method: Method = "password and code" if step else "password"
        return await self._begin(found.user, method, agent, work)

    async def link(self, secret: str) -> tuple[UserLink, User]:
        """A link and whose it is. Raises SignInRefused where it is not good."""
        if len(secret) <= MAX_SECRET_CHARACTERS:
            found = await self._reader.read(partial(people.link, digest=digest(secret)))
            if found is not None and found[0].expires_at > self._clock.now() and found[1].enabled:
                return found
        raise SignInRefused(LINK_REFUSED)

    async def with_link(self, secret: str, password: str, code: str, agent: str) -> str:
        """Use a link: choose a password, and sign in with it; returns the secret of a new session. Whoever
        has an authenticator needs its code as well. All other links and sessions end. Raises SignInRefused,
        TooManyAttempts or BadCommand."""
        try:
            link, user = await self.link(secret)
        except SignInRefused:
            await self._refused("link", "")
            raise
        good_enough(password, user.id, user.name, user.email)
        address, login = FROM.get(), await self._login(user.id)
        if self._back_off.wait_s(self._clock.monotonic(), user.id, address):
            raise TooManyAttempts("too many attempts: wait a while before the next")
        step = self._codes.step_of(login, code, self._clock.now())
        if step is None:
            self._back_off.failed(self._clock.monotonic(), user.id, address)
            await self._refused("code", user.id)
            raise SignInRefused("the code of the authenticator is wrong")
        hashed = await self._passwords.hash(password)
        work = Work(self._clock.now())
        _set(work, login, replace(login, password=hashed, totp_step=step or login.totp_step))
        # Two that use it at once would both succeed but for this change, which one of them loses.
        work.change(replace(link, version=link.version + 1))
        owned = await self._reader.read(partial(people.belongings, user_id=user.id))
        for each in (*owned.links, *owned.sessions):
            work.remove(each)
        work.tell(PasswordChanged(user_id=user.id, by=f"user:{user.id}", address=address))
        return await self._begin(user, "link", agent, work)

    async def who(self, secret: str) -> SignedInAs | None:
        """Whose session it is; None where it is over or of nobody who may sign in."""
        if not secret or len(secret) > MAX_SECRET_CHARACTERS:
            return None
        wanted, now = digest(secret), self._clock.now()
        found = await self._reader.read(partial(people.session, digest=wanted))
        if found is None or not hmac.compare_digest(found.session.digest, wanted):
            return None
        if found.session.expires_at <= now or not found.user.enabled:
            return None
        if now - found.session.seen_at >= SEEN_EVERY:
            work, old = Work(now), found.session
            until = min(now + IDLE, old.created_at + LONGEST)
            work.change(replace(old, seen_at=now, expires_at=until, version=old.version + 1))
            await self._books.write(work)  # where somebody was faster, they wrote the same or ended it
        return found

    # -- out

    async def sign_out(self, session: UserSession, by: str) -> None:
        """End one session."""
        work = Work(self._clock.now())
        work.remove(session)
        work.tell(SignedOut(user_id=session.user_id, sessions=1, by=by, address=FROM.get()))
        await self._books.write(work)

    async def sign_out_everywhere(self, user_id: str, by: str, but: str = "") -> int:
        """End all sessions of somebody but the one with the digest `but`; how many there were."""
        found = await self._reader.read(partial(people.sessions_of, user_id=user_id))
        ended = [each for each in found if each.digest != but]
        if ended:
            work = Work(self._clock.now())
            for each in ended:
                work.remove(each)
            work.tell(SignedOut(user_id=user_id, sessions=len(ended), by=by, address=FROM.get()))
            await self._books.write(work)
        return len(ended)

    # -- passwords and codes

    async def change_password(self, session: UserSession, old: str, new: str) -> str:
        """Change one's own password; all sessions end but a new one, whose secret is returned. Raises
        SignInRefused where `old` is wrong, TooManyAttempts or BadCommand."""
        found = await self._proved(session.user_id, old)
        user, login = found.user, await self._login(session.user_id)
        good_enough(new, user.id, user.name, user.email)
        hashed = await self._passwords.hash(new)
        work = Work(self._clock.now())
        _set(work, login, replace(login, password=hashed))
        for each in await self._reader.read(partial(people.sessions_of, user_id=user.id)):
            work.remove(each)
        work.tell(PasswordChanged(user_id=user.id, by=f"user:{user.id}", address=FROM.get()))
        return await self._begin(user, None, session.agent, work)

    def begin_totp(self, user_id: str) -> str:
        """The secret of a new authenticator, base32, good when `confirm_totp` follows."""
        self._pending.pop(user_id, None)
        self._pending[user_id] = secret = self._codes.new_secret()
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        return secret

    async def confirm_totp(self, user_id: str, password: str, code: str) -> None:
        """From now on the user signs in with codes of the new authenticator, whose first one this is. Raises
        SignInRefused, TooManyAttempts or BadCommand."""
        await self._proved(user_id, password)
        secret = self._pending.get(user_id)
        if secret is None:
            raise BadCommand("begin again: the authenticator was not set up in time")
        step = self._codes.step(secret, code, 0, self._clock.now())
        if step is None:
            raise BadCommand("the code is not the one of this authenticator now: is its clock right?")
        login = await self._login(user_id)
        work = Work(self._clock.now())
        _set(work, login, replace(login, totp=self._codes.sealed(secret), totp_step=step))
        work.tell(TwoFactorChanged(user_id=user_id, enabled=True, by=f"user:{user_id}", address=FROM.get()))
        await self._write(work)
        del self._pending[user_id]

    async def remove_totp(self, user_id: str, by: str, password: str | None = None) -> None:
        """The user signs in without codes from now on. They prove themselves with their password; an
        administrator need not. Raises SignInRefused, TooManyAttempts."""
        if password is not None:
            await self._proved(user_id, password)
        login = await self._login(user_id)
        if not login.totp:
            return
        work = Work(self._clock.now())
        _set(work, login, replace(login, totp="", totp_step=0))
        work.tell(TwoFactorChanged(user_id=user_id, enabled=False, by=by, address=FROM.get()))
        await self._write(work)

    # -- links

    async def make_link(self, user_id: str, by: str) -> tuple[str, UserLink]:
        """A link for somebody who is to choose a password: its secret, told this once. Raises NotFound, InUse
        where they are disabled."""
        found = await self._identity(user_id)
        if found is None:
            raise NotFound(f"no user {user_id}")
        if not found.user.enabled:
            raise InUse(f"{user_id} is disabled: enable them first")
        has_one = found.login is not None and found.login.password
        secret, link = new_link(user_id, "reset" if has_one else "invitation", self._clock.now(), by)
        work = Work(self._clock.now())
        older = await self._reader.read(partial(people.links_of, user_id=user_id))
        for each in sorted(older, key=lambda each: each.created_at, reverse=True)[MAX_LINKS - 1 :]:
            work.remove(each)
        _put_link(work, link)
        await self._write(work)
        return secret, link

    async def first_link(self) -> str | None:
        """While no administrator has a password: the secret of a link for one, who is made where there is
        none. Else None."""
        if await self._reader.read(people.anybody_can_sign_in):
            return None
        work, now = Work(self._clock.now()), self._clock.now()
        page, _ = await self._reader.read(partial(people.people_page, limit=100, staff=True))
        admins = [each for each in page if each.role == "admin" and each.enabled]
        if admins:
            user = admins[0]
        else:
            taken = await self._reader.read(partial(record_by_id, kind=User, record_id=FIRST_USER))
            name = FIRST_USER if taken is None else f"{FIRST_USER}-{secrets.token_hex(3)}"
            user = User(id=name, role="admin", created_at=now)
            work.add(user)
            work.tell(UserChanged(user=user, by="server"))
        secret, link = new_link(user.id, "first", now, "server")
        _put_link(work, link)
        await self._write(work)
        return secret

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log.warning("sessions that are over could not be swept", reason=str(error))
            await asyncio.sleep(SWEEP_EVERY_S)

    async def sweep(self) -> None:
        """Remove some of the sessions that are over."""
        over = await self._reader.read(partial(people.sessions_over, now=self._clock.now()))
        if over:
            work = Work(self._clock.now())
            for each in over:
                work.remove(each)
            await self._books.write(work)

    def close(self) -> None:
        self._passwords.close()

    # -- helpers

    async def _begin(self, user: User, method: Method | None, agent: str, work: Work) -> str:
        """A new session in a Work; its secret. `method` None: they were signed in before."""
        now, secret, address = self._clock.now(), secrets.token_urlsafe(SECRET_BYTES), FROM.get()
        sessions = await self._reader.read(partial(people.sessions_of, user_id=user.id))
        for each in sessions[MAX_SESSIONS - 1 :]:
            work.remove(each)
        work.add(
            UserSession(
                digest=digest(secret),
                id=str(uuid4()),
                user_id=user.id,
                created_at=now,
                seen_at=now,
                expires_at=now + IDLE,
                address=address,
                agent=agent[:MAX_AGENT],
            )
        )
        if method is not None:
            work.tell(SignedIn(user_id=user.id, method=method, address=address))
        await self._write(work)
        return secret

    async def _proved(self, user_id: str, password: str) -> Identity:
        """Somebody who shows their password once more. Raises SignInRefused, TooManyAttempts."""
        address = FROM.get()
        if self._back_off.wait_s(self._clock.monotonic(), user_id, address):
            raise TooManyAttempts("too many attempts: wait a while before the next")
        found = await self._identity(user_id)
        kept = found.login.password if found and found.login else ""
        if not await self._passwords.fits(kept, password) or found is None:
            self._back_off.failed(self._clock.monotonic(), user_id, address)
            await self._refused("password", user_id)
            raise SignInRefused("the present password is wrong")
        return found

    async def _identity(self, user_id: str) -> Identity | None:
        return await self._reader.read(partial(people.identity, user_id=user_id))

    async def _login(self, user_id: str) -> UserLogin:
        """Version 0 where there is none yet."""
        found = await self._reader.read(partial(people.login, user_id=user_id))
        return found or UserLogin(user_id=user_id, changed_at=self._clock.now(), version=0)

    async def _write(self, work: Work) -> None:
        if await self._books.write(work):
            raise StaleVersion("it was changed at the same moment: try again")

    async def _refused(self, reason: Reason, user_id: str, told: bool = True) -> None:
        """Tell of a refusal, where there were not too many in this minute."""
        since, count = self._told
        now = self._clock.monotonic()
        if now - since >= 60.0:
            since, count = now, 0
        if count >= TOLD_A_MINUTE or not told:
            self._untold += 1
            return
        self._told = since, count + 1
        times, self._untold = 1 + self._untold, 0
        work = Work(self._clock.now())
        work.tell(SignInRefusedEvent(user_id=user_id, reason=reason, address=FROM.get(), times=times))
        await self._books.write(work)


def link_work(name: str, user: User | None, role: Role, now: datetime, by: str) -> tuple[str, Work]:
    """A link for a user, who is made with this role where there is none: its secret, and the Work that makes
    it good. Raises InUse where the user is disabled."""
    work = Work(now)
    if user is None:
        user = User(id=name, role=role, created_at=now)
        work.add(user)
        work.tell(UserChanged(user=user, by=by))
    if not user.enabled:
        raise InUse(f"{name} is disabled: enable them first")
    secret, link = new_link(name, "reset", now, by)
    _put_link(work, link)
    return secret, work


def new_link(user_id: str, purpose: LinkPurpose, now: datetime, by: str) -> tuple[str, UserLink]:
    """A link's secret and what is kept of it."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return secret, UserLink(
        digest=digest(secret),
        user_id=user_id,
        purpose=purpose,
        created_by=by,
        created_at=now,
        expires_at=now + LINK_FOR[purpose],
    )


def _put_link(work: Work, link: UserLink) -> None:
    work.add(link)
    work.tell(
        SignInLinkMade(
            user_id=link.user_id,
            purpose=link.purpose,
            expires_at=link.expires_at,
            by=link.created_by,
            address=FROM.get(),
        )
    )


def _set(work: Work, old: UserLogin, new: UserLogin) -> None:
    """The next version of a login, or its first."""
    made = replace(new, changed_at=work.at, version=old.version + 1)
    if old.version:
        work.change(made)
    else:
        work.add(made)


def _refusal(found: Identity | None, right: bool, step: int | None) -> Reason | None:
    """Why somebody is not let in. `step`: that of the code, 0 where none is needed, None for a wrong one."""
    if found is None or not right:
        return "password"
    if not found.user.enabled:
        return "disabled"
    return "code" if step is None else None
