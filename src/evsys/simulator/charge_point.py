"""A charge point of OCPP 1.6, as a state machine without I/O.

It is told the time, what arrives and whether its link is up; it gives frames to send (`outbox`), says when it
wants to be told the time again (`next_at`), and when it wants a link made (`wants_link`), pinged
(`wants_ping`) or ended (`hang_up`). What it does follows from its seed and from what it is told.

It boots when its link is up for the first time and after each restart, not after every reconnect; what it may
say follows from the answer (OCPP 1.6 §4.2). Dates on the wire are real ones, whatever `speed` is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal
from zlib import crc32

from msgspec import Raw, Struct

from evsys.ocpp.dialect import read_answer
from evsys.ocpp.errors import Refusal
from evsys.ocpp.lenient import NotText
from evsys.ocpp.rpc import Call, CallError, CallResult, Refused, Undecodable
from evsys.ocpp.v16 import messages as m
from evsys.simulator.access import Access, Way
from evsys.simulator.cabinet import Cabinet, PointSettings
from evsys.simulator.chance import Dice, Span
from evsys.simulator.connector import Connector
from evsys.simulator.files import Files
from evsys.simulator.mail import Mail, Outgoing
from evsys.simulator.security import Security
from evsys.simulator.transfer import Transfer

ONLINE_S: Final = (600.0, 3600.0)
"""Simulated seconds between two spells without a link …"""
OFFLINE_S: Final = (30.0, 180.0)
"""… and how long one lasts."""
RETRY_S: Final = (2.0, 6.0)
"""Seconds before a link is tried again; doubled up to `MOST_DOUBLINGS` times while it fails."""
MOST_DOUBLINGS: Final = 5
BOOT_AGAIN_S: Final = 60.0
"""Seconds before the next boot, where an answer names none (OCPP 1.6 §4.2: the charge point chooses)."""
DEFAULT_HEARTBEAT_S: Final = 300
RESTART_S: Final = (5.0, 15.0)
"""How long a restart takes (simulated)."""
SWITCH_AFTER_S: Final = 1.0
"""Between an answer that it will prove itself otherwise, and the end of the link."""
LAST_WORDS_S: Final = 10.0
"""How long a soft reset waits for the stops to be acknowledged."""
MAX_METER_WH: Final = 5_000_000
"""What a meter may show at first."""

Answer = Callable[["ChargePoint", Call, datetime], Struct]
"""The answer to a CALL of the central system. Raises Refusal or NotText."""


class ChargePoint:
    """One charge point. All methods take the time, which never goes back."""

    __slots__ = (
        "_answer",
        "_connections",
        "_dice",
        "_failures",
        "_ping_s",
        "_stays_away_until",
        "access",
        "cabinet",
        "connectors",
        "files",
        "hang_up",
        "operative",
        "outbox",
        "security",
        "wants_link",
        "wants_ping",
    )

    def __init__(self, name: str, settings: PointSettings, seed: int, now: datetime, answer: Answer) -> None:
        """`answer` answers the CALLs of the central system (`simulator.commands`)."""
        self.cabinet = Cabinet(name, settings, seed)
        self.connectors = [
            Connector(self.cabinet, number, crc32(f"{seed}/{name}/{number}".encode()) % MAX_METER_WH, now)
            for number in range(1, settings.connectors + 1)
        ]
        self.operative = True
        """Whether the station as a whole (connector 0) is in service."""
        way = Way(profile=settings.security_profile, key=settings.password)
        self.access = Access(way, settings.tls)
        self.security = Security(self.cabinet)
        self.files = Files(self.cabinet, self.security, lambda now: self._restart_after(now, now))
        self.outbox: list[bytes] = []
        self.wants_link = True
        self.wants_ping = False
        self.hang_up = False
        """Like the two before: the owner clears it when it has done so."""
        self.security.report("StartupOfTheDevice", now)
        self._answer = answer
        self._dice = Dice(f"{seed}/{name}/link")
        self._connections = 0
        self._failures = 0
        self._ping_s = 0
        self._stays_away_until: datetime | None = None
        self._plan_offline(now)

    # -- what the owner tells, and asks ---

    @property
    def name(self) -> str:
        return self.cabinet.name

    @property
    def mail(self) -> Mail:
        return self.cabinet.mail

    @property
    def next_at(self) -> datetime | None:
        """When `wake` is to be called; None: not before something is told."""
        times = [each for each in (self.cabinet.timers.next_at, self.mail.next_at) if each is not None]
        return min(times, default=None)

    @property
    def done(self) -> bool:
        """Whether all its sessions are over and acknowledged, and the last driver has left."""
        most = self.cabinet.settings.sessions
        if most is None or not self.mail.idle:
            return False
        return all(each.battery is None and each.sessions >= most for each in self.connectors)

    def connected(self, now: datetime) -> None:
        """The link is up: boot the first time and after a restart, else say where things stand."""
        self._connections += 1
        self._failures = 0
        self.access.worked()
        self.mail.connected(f"{int(now.timestamp()):x}-{self._connections}-")
        self._ping_later(now)
        if self.cabinet.registration == "Accepted":
            self._heartbeat_later(now)
            self.report_status(now)
            self.cabinet.tell_all(now)
        else:
            self.boot(now)
        self._pump(now)

    def disconnected(self, now: datetime) -> None:
        """The link is down, whoever ended it, or could not be made: it is tried again, ever later."""
        if not self.mail.up and self.access.failed():
            self.cabinet.configuration.change("SecurityProfile", str(self.access.way.profile))
        self.mail.disconnected(now)
        for name in ("heartbeat", "boot", "ping"):
            self.cabinet.timers.cancel(name)
        wait_s = self._dice.between(RETRY_S) * 2 ** min(self._failures, MOST_DOUBLINGS)
        self._failures += 1
        again_at = self._stays_away_until or now + timedelta(seconds=wait_s)
        self._stays_away_until = None
        self.cabinet.timers.at(again_at, "link", self._come_back)

    def received(self, frame: bytes, now: datetime) -> None:
        """A message of the central system."""
        match self.mail.receive(frame):
            case Call() as call:
                self._obey(call, now)
            case CallResult(payload=payload, late=False):
                self.mail.resolved(payload, now)
            case CallError(late=False):
                self.mail.refused(now)
            case Refused(id=id, refusal=refusal):
                self.outbox.append(self.mail.error(id, refusal))
            case Undecodable():
                self.hang_up = True
            case _:
                pass
        self._pump(now)

    def carried(self, transfer: Transfer, found: bytes | None, now: datetime) -> None:
        """A file that was to be carried (`Cabinet.transfers`) has come or gone, or could not (None)."""
        transfer.done(found, now)
        self._pump(now)

    def wake(self, now: datetime) -> None:
        """Do what is due."""
        if self.mail.timed_out(now):
            self.hang_up = True
        self.cabinet.timers.fire(now)
        self._pump(now)

    # -- the link ---

    def _come_back(self, now: datetime) -> None:
        self.cabinet.restarting = False
        self.wants_link = True

    def _stay_away(self, now: datetime, span: Span) -> None:
        """End the link, if there is one, and do without for a while (simulated)."""
        until = now + timedelta(seconds=self._dice.between(span) / self.cabinet.settings.speed)
        if self.mail.up:
            self.hang_up = True
            self._stays_away_until = until
        else:
            self.cabinet.timers.at(until, "link", self._come_back)

    def _plan_offline(self, now: datetime) -> None:
        if self.cabinet.settings.offline_spells:
            self.cabinet.timers.after(now, "offline", self._dice.between(ONLINE_S), self._go_offline)

    def _go_offline(self, now: datetime) -> None:
        if self.mail.up:
            self._stay_away(now, OFFLINE_S)
        self._plan_offline(now)

    def _ping_later(self, now: datetime) -> None:
        if self._ping_s:
            self.cabinet.timers.later(now, "ping", self._ping_s, self._ping)

    def _ping(self, now: datetime) -> None:
        self.wants_ping = True
        self._ping_later(now)

    # -- registration and heartbeats ---

    def boot(self, now: datetime) -> None:
        """Say who one is. The answer says whether more may be said, and when to boot again if not."""
        self._ping_s = self.cabinet.configuration.number("WebSocketPingInterval")
        request = m.BootNotificationRequest(
            chargePointVendor="EVSYS",
            chargePointModel="Simulator",
            chargePointSerialNumber=self.name[:25],
            firmwareVersion=self.files.version,
        )

        def answered(payload: Raw, now: datetime) -> None:
            answer = read_answer(m.BootNotificationResponse, payload)
            self.cabinet.registration = answer.status
            if answer.status == "Accepted":
                self._accepted(answer.interval, now)
            else:
                self.cabinet.timers.cancel("heartbeat")
                self._boot_later(answer.interval, now)

        def failed(now: datetime) -> None:
            self._boot_later(0, now)

        self.mail.say(Outgoing("BootNotification", lambda: request, answered, failed), now, first=True)

    def _boot_later(self, interval_s: int, now: datetime) -> None:
        self.cabinet.timers.later(now, "boot", interval_s if interval_s > 0 else BOOT_AGAIN_S, self.boot)

    def _accepted(self, interval_s: int, now: datetime) -> None:
        self.cabinet.timers.cancel("boot")
        if interval_s > 0:
            self.cabinet.configuration.change("HeartbeatInterval", str(interval_s))
        self._heartbeat_later(now)
        self.report_status(now)
        self.files.accepted(now)
        self.cabinet.tell_all(now)

    def _heartbeat_later(self, now: datetime) -> None:
        interval_s = self.cabinet.configuration.number("HeartbeatInterval") or DEFAULT_HEARTBEAT_S
        self.cabinet.timers.later(now, "heartbeat", interval_s, self._heartbeat)

    def _heartbeat(self, now: datetime) -> None:
        self._heartbeat_later(now)
        self.cabinet.say("Heartbeat", m.HeartbeatRequest(), now)

    # -- what commands do to it ---

    def report_status(self, now: datetime, number: int | None = None) -> None:
        """StatusNotification of one connector, of the station (0), or of all."""
        if number in (None, 0):
            self.cabinet.say_status(0, "Available" if self.operative else "Unavailable", now)
        for connector in self.connectors:
            if number in (None, connector.number):
                self.cabinet.say_status(connector.number, connector.status, now)

    def make_operative(self, operative: bool, now: datetime) -> bool:
        """Take the whole station into or out of service. Whether that holds at once for all of it."""
        if operative != self.operative:
            self.operative = operative
            self.report_status(now, 0)
        at_once = [each.make_operative(operative, now) for each in self.connectors]
        return all(at_once)

    def configured(self, key: str, now: datetime) -> None:
        """A key has changed: what follows from it begins now."""
        match key:
            case "HeartbeatInterval" if self.cabinet.online:
                self._heartbeat_later(now)
            case "MeterValueSampleInterval":
                for connector in self.connectors:
                    connector.sample_later(now)
            case "ClockAlignedDataInterval":
                self._align(now)

    def change_key(self, key: str, now: datetime) -> Literal["Accepted", "Rejected"]:
        """Prove itself with another AuthorizationKey, from the next link on, which is soon."""
        answer = self.access.change_key(key)
        if answer == "Accepted":
            self.security.report("ReconfigurationOfSecurityParameters", now)
            self._switch_soon(now)
        return answer

    def change_profile(self, value: str, now: datetime) -> Literal["Accepted", "Rejected"]:
        """Connect with a higher security profile, soon."""
        answer = self.access.change_profile(value.strip())
        if answer == "Accepted":
            self.cabinet.configuration.change("SecurityProfile", value)
            self.security.report("ReconfigurationOfSecurityParameters", now)
            self._switch_soon(now)
        return answer

    def take_certificate(self, chain: str, now: datetime) -> bool:
        """A certificate has come; where links are made with one, the next one is soon."""
        if not self.security.signed(chain, now):
            return False
        if self.access.change_certificate(self.security.chain, self.security.key):
            self._switch_soon(now)
        return True

    def _switch_soon(self, now: datetime) -> None:
        """Make the link anew, once what is being said has been said."""

        def switch(now: datetime) -> None:
            self._stays_away_until = now
            self.hang_up = True

        self.cabinet.timers.at(now + timedelta(seconds=SWITCH_AFTER_S), "switch", switch)

    def _align(self, now: datetime) -> None:
        """Wait for the next moment of ClockAlignedDataInterval, counted from midnight."""
        interval_s = self.cabinet.configuration.number("ClockAlignedDataInterval")
        if not interval_s:
            self.cabinet.timers.cancel("clock")
            return
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (now - midnight) // timedelta(seconds=interval_s)
        due = midnight + timedelta(seconds=interval_s) * (passed + 1)
        self.cabinet.timers.at(due, "clock", self._aligned)

    def _aligned(self, now: datetime) -> None:
        if self.cabinet.registration == "Accepted":
            for connector in self.connectors:
                connector.send_meter_values(now, "Sample.Clock", "MeterValuesAlignedData")
        self._align(now)

    def reset(self, now: datetime, reason: Literal["SoftReset", "HardReset"]) -> None:
        """Stop what runs, go away, and come back with a boot. A soft reset sees its stops acknowledged
        first."""
        self.security.report("ResetOrReboot", now, reason)
        for connector in self.connectors:
            connector.stop(reason, now)
        deadline = now + timedelta(seconds=LAST_WORDS_S if reason == "SoftReset" else 0)
        self._restart_after(now, deadline)

    def _restart_after(self, now: datetime, deadline: datetime) -> None:
        def when_said(now: datetime) -> None:
            if self.mail.up and self.mail.waiting and now < deadline:
                self._restart_after(now, deadline)
            else:
                self._restart(now)

        self.cabinet.timers.later(now, "restart", 1.0, when_said)

    def _restart(self, now: datetime) -> None:
        for connector in self.connectors:
            connector.stop("HardReset", now)  # one that began in the meantime
        self.cabinet.registration = ""
        self.cabinet.restarting = True
        self._stay_away(now, RESTART_S)

    # -- frames ---

    def _pump(self, now: datetime) -> None:
        frame = self.mail.next_frame(now, self.cabinet.registration)
        if frame is not None:
            self.outbox.append(frame)

    def _obey(self, call: Call, now: datetime) -> None:
        try:
            self.outbox.append(self.mail.result(call, self._answer(self, call, now)))
        except Refusal as refusal:
            self.outbox.append(self.mail.error(call.id, refusal))
        except NotText:
            self.hang_up = True
