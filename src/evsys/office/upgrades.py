"""Upgrades: a station is brought to a higher security profile by one command (OCPP 1.6 security extension §5;
2.x A05).

Step by step it is given what the profile needs: a key (1, 2), the root that the server's certificate hangs
on (2, 3), a certificate of its own (3); then the profile itself, with which it is to come back. Each step
that is done is written down, so a restart goes on from there. Nothing that the station has is taken from it
on the way: what it proved before stays good until the new has worked, so one that fails goes on as it was.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar
from uuid import uuid4

import structlog
from msgspec.structs import replace

from evsys.core.commands import (
    InstallCertificate,
    Outcome,
    Reset,
    SentCommand,
    SetVariable,
    SetVariables,
)
from evsys.core.credentials import HIGHEST_PROFILE, Credentials
from evsys.core.errors import (
    BadCommand,
    CallFailed,
    ConnectionLost,
    EvsysError,
    InUse,
    NoAnswer,
    StaleVersion,
    StationOffline,
)
from evsys.core.events import SecurityUpgradeChanged
from evsys.core.ports import Clock
from evsys.core.records import SecurityUpgrade, UpgradeState
from evsys.core.work import Work
from evsys.office.certificates import Certificates
from evsys.office.commands import Commands
from evsys.office.security import Security
from evsys.office.writing import Books
from evsys.store.views import certificates, upgrades
from evsys.store.views.reader import Reader

AT_ONCE: Final = 20
"""Upgrades under way; the others wait. Each looks into the database now and then."""
LOOK_EVERY_S: Final = 0.5
ANSWER_WITHIN_S: Final = 60.0
ROTATED_WITHIN_S: Final = 20.0
"""The same while a person waits for it."""
THERE_WITHIN_S: Final = 300.0
"""How long a step waits for a station that is away: it comes and goes while it is upgraded."""
CERTIFIED_WITHIN_S: Final = 300.0
"""From the station's consent to ask for a certificate until it has taken one: small ones make a key for
minutes."""
BACK_WITHIN_S: Final = 600.0
"""How long a station may take to come back with its new profile, a reboot included."""
SETTLES_S: Final = 5.0
"""After a key was given: many stations end their link at once to use it, and a command would be lost."""

T = TypeVar("T")
log = structlog.get_logger()


class _Failed(Exception):
    """Why an upgrade comes to nothing, in its text."""


class Upgrades:
    """The upgrades of a running office."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        commands: Commands,
        security: Security,
        certificates: Certificates,
        offers_tls: bool,
        settles_s: float = SETTLES_S,
        back_within_s: float = BACK_WITHIN_S,
    ) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._commands = commands
        self._security = security
        self._certificates = certificates
        self._offers_tls = offers_tls
        self.settles_s = settles_s
        self.back_within_s = back_within_s
        self._new: asyncio.Queue[SecurityUpgrade] = asyncio.Queue()
        self._room = asyncio.Semaphore(AT_ONCE)

    # -- what people ask ---

    async def begin(self, station_id: str, profile: int, by: str) -> SecurityUpgrade:
        """Begin to bring a station to a profile. Raises StationUnknown, BadCommand where it cannot be, InUse
        while another upgrade of it is under way."""
        known = await self._security.find(station_id)
        now_at = _profile_of(known)
        if profile <= now_at:
            raise BadCommand(f"profile: {station_id} has profile {now_at} already, and only rises")
        if profile >= 2 and not self._offers_tls:
            raise BadCommand("profile: stations cannot connect with TLS here (listen.tls_port)")
        if profile == HIGHEST_PROFILE and not self._certificates.signs:
            raise BadCommand("profile: there is no authority here (evsys ca init)")
        now = self._clock.now()
        upgrade = SecurityUpgrade(
            id=str(uuid4()),
            station_id=station_id,
            profile=profile,
            requested_by=by,
            requested_at=now,
            changed_at=now,
        )
        work = Work(now, station_id)
        work.add(upgrade)
        work.tell(_told(upgrade))
        if await self._books.write(work):
            raise InUse(f"another upgrade of {station_id} is under way")
        self._new.put_nowait(upgrade)
        return upgrade

    async def rotate(self, station_id: str, key: str | None, by: str) -> tuple[str, int]:
        """Give a station its next key (None: one made here) and send it there; returns it with its number.
        One that it does not take is good no more. Raises as `Security.set_key` and `Commands.send`."""
        key, number = await self._security.set_key(station_id, key, by, require=False)
        try:
            outcome = await self._commands.send(station_id, _set_key(key), by, ROTATED_WITHIN_S)
        except (NoAnswer, ConnectionLost):
            raise  # the station may have it: both are good until it is back
        except EvsysError:
            await self._security.remove_keys(station_id, by, number)
            raise
        if not outcome.accepted:
            await self._security.remove_keys(station_id, by, number)
            raise BadCommand(f"key: the station does not take it: {outcome.status}")
        return key, number

    async def of_station(self, station_id: str) -> list[SecurityUpgrade]:
        """The upgrades of a station, the newest first. Raises StationUnknown."""
        await self._security.find(station_id)
        return await self._reader.read(partial(upgrades.of_station, station_id=station_id))

    # -- one after the other ---

    async def run(self) -> None:
        """Carry out what is under way, until cancelled."""
        async with asyncio.TaskGroup() as working:
            for each in await self._unfinished():
                working.create_task(self._carry_out(each))
            while True:
                upgrade = await self._new.get()
                working.create_task(self._carry_out(upgrade))

    async def _unfinished(self) -> list[SecurityUpgrade]:
        while True:
            try:
                return await self._reader.read(upgrades.under_way)
            except EvsysError as error:
                log.warning("upgrades cannot be read", reason=str(error))
                await asyncio.sleep(THERE_WITHIN_S / 10)

    async def _carry_out(self, upgrade: SecurityUpgrade) -> None:
        """All steps that are left. A fault of ours costs this upgrade."""
        async with self._room:
            try:
                while upgrade.state not in ("done", "failed"):
                    upgrade = await self._step(upgrade)
            except _Failed as failed:
                await self._end(upgrade, str(failed))
            except EvsysError as error:
                await self._end(upgrade, str(error))
            except Exception:
                log.exception("an upgrade failed by a fault of ours", station=upgrade.station_id)
                await self._end(upgrade, "a fault of the central system")

    async def _end(self, upgrade: SecurityUpgrade, error: str) -> None:
        log.warning("a station was not upgraded", station=upgrade.station_id, reason=error)
        try:
            await self._save(upgrade, "failed", error)
        except EvsysError as failure:
            log.error("the end of an upgrade could not be recorded", reason=str(failure))

    async def _step(self, upgrade: SecurityUpgrade) -> SecurityUpgrade:
        """One step, and the upgrade as it is then."""
        match upgrade.state:
            case "requested":
                await self._give_key(upgrade)
                return await self._save(upgrade, "keyed")
            case "keyed":
                return await self._save(upgrade, "rooted", await self._give_root(upgrade))
            case "rooted":
                await self._give_certificate(upgrade)
                return await self._save(upgrade, "certified")
            case "certified":
                await self._give_profile(upgrade)
                return await self._save(upgrade, "waiting")
            case _:
                await self._wait_back(upgrade)
                return await self._save(upgrade, "done")

    async def _give_key(self, upgrade: SecurityUpgrade) -> None:
        """A station that does not use a password yet is given one. The server takes it before the station
        does: it may come back with it at once."""
        station_id = upgrade.station_id
        known = await self._security.find(station_id)
        if upgrade.profile == HIGHEST_PROFILE or _profile_of(known) in (1, 2):
            return
        by = upgrade.requested_by
        key, number = await self._security.set_key(station_id, None, by, require=False)
        outcome = await self._send(upgrade, _set_key(key))
        if not outcome.accepted:
            await self._security.remove_keys(station_id, by, number)
            raise _Failed(f"the station does not take a key: {outcome.status}")
        await asyncio.sleep(self.settles_s)

    async def _give_root(self, upgrade: SecurityUpgrade) -> str:
        """The own root, where there is one. A station that will not take it may trust it already; what it
        said is returned."""
        if upgrade.profile < 2 or not self._certificates.root:
            return ""
        command = InstallCertificate(
            certificate_type="CSMSRootCertificate", certificate=self._certificates.root
        )
        try:
            outcome = await self._send(upgrade, command)
        except CallFailed as error:
            return f"the root was not installed: {error}"
        return "" if outcome.accepted else f"the root was not installed: {outcome.status}"

    async def _give_certificate(self, upgrade: SecurityUpgrade) -> None:
        """Have the station ask for a certificate, and wait until it has taken it."""
        if upgrade.profile < HIGHEST_PROFILE:
            return

        async def ask() -> bool:
            return await self._certificates.ask(upgrade.station_id, upgrade.requested_by)

        if not await self._while_there(ask):
            raise _Failed("the station will not ask for a certificate")

        async def certified() -> bool:
            query = partial(certificates.of_station, station_id=upgrade.station_id)
            found = await self._reader.read(query)
            return any(
                each.accepted_at is not None and each.issued_at >= upgrade.requested_at for each in found
            )

        await self._until(certified, CERTIFIED_WITHIN_S, "the station has not taken a certificate")

    async def _give_profile(self, upgrade: SecurityUpgrade) -> None:
        """The profile itself. The station ends its link with it, or after a restart."""
        variable = SetVariable(name="SecurityProfile", value=str(upgrade.profile))
        outcome = await self._send(upgrade, SetVariables(variables=(variable,)))
        if not outcome.accepted:
            raise _Failed(f"the station does not take the profile: {outcome.status}")
        if outcome.status == "RebootRequired":
            await self._send(upgrade, Reset(when="idle"))

    async def _wait_back(self, upgrade: SecurityUpgrade) -> None:
        async def back() -> bool:
            return _profile_of(await self._security.find(upgrade.station_id)) >= upgrade.profile

        await self._until(back, self.back_within_s, f"it did not come back with profile {upgrade.profile}")

    # -- helpers ---

    async def _send(self, upgrade: SecurityUpgrade, command: SentCommand) -> Outcome:
        async def send() -> Outcome:
            return await self._commands.send(
                upgrade.station_id, command, upgrade.requested_by, ANSWER_WITHIN_S
            )

        return await self._while_there(send)

    async def _while_there(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something with a station that comes and goes: again, when it was away."""
        last = asyncio.get_running_loop().time() + THERE_WITHIN_S
        while True:
            try:
                return await act()
            except (StationOffline, ConnectionLost):
                if asyncio.get_running_loop().time() > last:
                    raise
            await asyncio.sleep(LOOK_EVERY_S)

    async def _until(self, happened: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not await happened():  # noqa: ASYNC110  # it happens in the database
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise _Failed(what) from None

    async def _save(self, upgrade: SecurityUpgrade, state: UpgradeState, error: str = "") -> SecurityUpgrade:
        now = self._clock.now()
        saved = replace(
            upgrade,
            state=state,
            error=error or upgrade.error,
            changed_at=now,
            version=upgrade.version + 1,
        )
        work = Work(now, upgrade.station_id)
        work.change(saved)
        if state in ("done", "failed"):
            work.tell(_told(saved))
        if await self._books.write(work):
            raise StaleVersion("the upgrade was changed by another office")
        return saved


def _profile_of(known: Credentials) -> int:
    """What a station proved when it connected last."""
    return known.proof.profile if known.proof is not None else 0


def _set_key(key: str) -> SetVariables:
    return SetVariables(variables=(SetVariable(name="AuthorizationKey", value=key),))


def _told(upgrade: SecurityUpgrade) -> SecurityUpgradeChanged:
    return SecurityUpgradeChanged(
        station_id=upgrade.station_id,
        upgrade_id=upgrade.id,
        profile=upgrade.profile,
        state=upgrade.state,
        error=upgrade.error,
        by=upgrade.requested_by,
    )
