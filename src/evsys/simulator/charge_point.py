"""A charge point of OCPP 1.6, as a state machine without I/O.

It is told the time, what arrives and whether its link is up; it gives frames to send (`outbox`), says when it
wants to be told the time again (`next_at`), and when it wants its link ended (`hang_up`). What it does
follows from its seed and from what it is told.

Times are real; `speed` makes cars charge, drivers come and intervals pass that much faster.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, Literal

from msgspec import UNSET, Raw, Struct

from evsys.ocpp.dialect import read_answer
from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import Call, CallError, CallResult, Refused
from evsys.ocpp.v16 import messages as m
from evsys.simulator.battery import Battery, any_battery
from evsys.simulator.configuration import Configuration
from evsys.simulator.mail import Mail, Outgoing, Session
from evsys.simulator.metering import Context, samples
from evsys.simulator.profiles import Profiles

IDLE_S: Final = (20.0, 240.0)
"""How long a connector is free between two drivers."""
PLUGGED_S: Final = (2.0, 8.0)
"""Between plugging in and holding the card to the reader."""
FULL_STAY_S: Final = (60.0, 600.0)
"""How long a full car stays."""
STAY_S: Final = (1200.0, 5400.0)
"""How long a driver stays at most, full or not."""
UNPLUG_S: Final = (5.0, 20.0)
REBOOT_S: Final = (5.0, 15.0)
ONLINE_S: Final = (600.0, 3600.0)
OFFLINE_S: Final = (30.0, 180.0)
"""Between two spells without a link, and how long one lasts."""
STEP_S: Final = 10.0
"""Simulated seconds between two looks at what flows."""
RETRY_S: Final = (2.0, 6.0)
"""Real seconds before the link is tried again; doubled up to `MOST_RETRY_DOUBLINGS` times."""
MOST_RETRY_DOUBLINGS: Final = 5

Status = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
]
Reason = Literal[
    "EVDisconnected",
    "HardReset",
    "Local",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
]


class PointSettings(Struct, frozen=True, kw_only=True):
    """What all charge points of a fleet have in common."""

    connectors: int = 2
    most_w: float = 22_080.0
    speed: float = 1.0
    sessions: int | None = None
    """Sessions per connector; None: for ever."""
    offline_spells: bool = True
    tokens: tuple[str, ...] = ("SIM0001", "SIM0002", "SIM0003", "SIM0004")


class Connector:
    """One connector, its meter, and the car at it."""

    def __init__(self, number: int, meter_wh: float) -> None:
        self.number = number
        self.meter_wh = meter_wh
        self.status: Status = "Available"
        self.operative = True
        self.battery: Battery | None = None
        self.session: Session | None = None
        self.power_w = 0.0
        self.sessions = 0
        self.reservation: tuple[int, str, datetime] | None = None
        self.remote_token = ""


Answer = Callable[["ChargePoint", Call, datetime], Struct]
"""The answer to a CALL of the central system, or a Refusal."""


class ChargePoint:
    """One charge point. All methods take the time, which never goes back."""

    def __init__(self, name: str, settings: PointSettings, seed: int, now: datetime, answer: Answer) -> None:
        """`answer` answers the CALLs of the central system (`simulator.commands`)."""
        self.name = name
        self.settings = settings
        self.chance = Random(f"{seed}/{name}")
        self.configuration = Configuration(settings.connectors)
        self.profiles = Profiles()
        self.local_list_version = 0
        self.local_list: dict[str, str] = {}
        self.connectors = [
            Connector(number, float(self.chance.randrange(1_000, 5_000_000)))
            for number in range(1, settings.connectors + 1)
        ]
        self.report: list[Session] = []
        self.outbox: list[bytes] = []
        self.hang_up = False
        """The link is to be ended; the owner clears it when it has done so."""
        self.online_from: datetime | None = now
        """When the link is to be tried; None while it is up."""
        self.registration = ""
        self.mail = Mail(
            lambda: self.configuration.number("TransactionMessageAttempts"),
            lambda: self.configuration.number("TransactionMessageRetryInterval") / settings.speed,
        )
        self._connection = 0
        self._timers: dict[str, tuple[datetime, Callable[[datetime], None]]] = {}
        self._failures = 0
        self._looked_at = self._now = now
        self._answer = answer
        for connector in self.connectors:
            self._next_driver(connector, now, first=True)
        self.after(now, "look", STEP_S, self._look)
        self._plan_offline(now)

    # -- what the owner tells ---

    @property
    def next_at(self) -> datetime:
        """When `wake` is to be called."""
        first = min(due for due, _ in self._timers.values())
        return first if self.mail.due_at is None else min(first, self.mail.due_at)

    @property
    def done(self) -> bool:
        """Whether all its sessions are over and acknowledged."""
        most = self.settings.sessions
        idle = all(each.session is None and each.sessions == most for each in self.connectors)
        return most is not None and idle and self.mail.idle

    def connected(self, now: datetime) -> None:
        """The link is up: boot the first time and after a reboot, else say where things stand."""
        self._connection += 1
        self._failures = 0
        self.online_from = None
        self.mail.connected(f"{self.chance.randrange(16**6):06x}-{self._connection}-")
        if self.registration == "Accepted":
            self._heartbeat_later(now)
            self.report_status(now)
        else:
            self.boot(now)
        self._pump(now)

    def disconnected(self, now: datetime) -> None:
        """The link is down, whoever ended it, or could not be made."""
        self.mail.disconnected()
        self._cancel("heartbeat")
        self._cancel("boot")
        if self.online_from is None or self.online_from <= now:
            wait_s = self.chance.uniform(*RETRY_S) * 2 ** min(self._failures, MOST_RETRY_DOUBLINGS)
            self.online_from = now + timedelta(seconds=wait_s)
        self._failures += 1

    def received(self, frame: bytes, now: datetime) -> None:
        """A message of the central system."""
        self._now = now
        match self.mail.receive(frame):
            case Call() as call:
                self._obey(call, now)
            case CallResult(payload=payload, late=False):
                self.mail.resolved(payload)
            case CallError(late=False):
                if self.mail.refused(now) == "BootNotification":
                    self.after(now, "boot", 10.0, self.boot)
            case Refused(id=id, refusal=refusal):
                self.outbox.append(self.mail.error(id, refusal))
            case _:
                pass
        self._pump(now)

    def wake(self, now: datetime) -> None:
        """Do what is due."""
        self._now = now
        if self.mail.timed_out(now):
            self.hang_up = True
        for name, (due, action) in sorted(self._timers.items(), key=lambda each: each[1][0]):
            if due <= now and name in self._timers:
                del self._timers[name]
                action(now)
        self._pump(now)

    # -- time ---

    def after(self, now: datetime, name: str, simulated_s: float, action: Callable[[datetime], None]) -> None:
        self._timers[name] = (now + timedelta(seconds=simulated_s / self.settings.speed), action)

    def _cancel(self, name: str) -> None:
        self._timers.pop(name, None)

    def _any(self, span: tuple[float, float]) -> float:
        return self.chance.uniform(*span)

    def _look(self, now: datetime) -> None:
        """Let energy flow since the last look."""
        seconds = (now - self._looked_at).total_seconds() * self.settings.speed
        self._looked_at = now
        self.after(now, "look", STEP_S, self._look)
        for connector in self.connectors:
            if connector.session is not None:
                self._flow(connector, seconds, now)
            elif connector.reservation is not None and connector.reservation[2] <= now:
                connector.reservation = None
                self.set_status(connector, "Available", now)

    def _flow(self, connector: Connector, seconds: float, now: datetime) -> None:
        session, battery = connector.session, connector.battery
        assert session is not None
        assert battery is not None
        offered_w = self.profiles.limit_w(connector.number, now, session.started_at, self.settings.most_w)
        if session.authorization not in ("", "Accepted"):
            offered_w = 0.0
        connector.power_w = battery.power_w(offered_w)
        connector.meter_wh += battery.charge(offered_w, seconds)
        if connector.power_w > 0:
            self.set_status(connector, "Charging", now)
        elif battery.full:
            if connector.status != "SuspendedEV":
                self.after(now, f"leave{connector.number}", self._any(FULL_STAY_S), self._leaver(connector))
            self.set_status(connector, "SuspendedEV", now)
        else:
            self.set_status(connector, "SuspendedEVSE", now)

    # -- drivers ---

    def _next_driver(self, connector: Connector, now: datetime, first: bool = False) -> None:
        if self.settings.sessions is not None and connector.sessions >= self.settings.sessions:
            return
        wait_s = self.chance.uniform(1, IDLE_S[0]) if first else self._any(IDLE_S)
        self.after(now, f"driver{connector.number}", wait_s, lambda now: self._arrive(connector, now))

    def _arrive(self, connector: Connector, now: datetime) -> None:
        """A car is plugged in, if it can be; and soon a card is held to the reader."""
        if connector.status != "Available" or not connector.operative or self._rebooting:
            self._next_driver(connector, now)
            return
        self.plug_in(connector, now)
        self.after(
            now, f"card{connector.number}", self._any(PLUGGED_S), lambda now: self._card(connector, now)
        )

    def plug_in(self, connector: Connector, now: datetime) -> None:
        connector.battery = any_battery(self.chance, self.settings.most_w)
        self.set_status(connector, "Preparing", now)

    def _card(self, connector: Connector, now: datetime) -> None:
        """Ask whether the card may charge; without a link, decide alone (LocalAuthorizeOffline)."""
        token = self.chance.choice(self.settings.tokens)
        if not self.mail.up or self.registration != "Accepted":
            self.start(connector, token, now)
            return

        def answered(payload: Raw) -> None:
            status = read_answer(m.AuthorizeResponse, payload).idTagInfo.status
            if connector.status != "Preparing" or connector.session is not None:
                return
            if status == "Accepted":
                self.start(connector, token, self._now)
            else:
                self.after(self._now, f"leave{connector.number}", 10.0, self._leaver(connector))

        self.mail.say(Outgoing("Authorize", lambda: m.AuthorizeRequest(idTag=token), answered))

    def start(self, connector: Connector, token: str, now: datetime) -> None:
        """Begin a session: the car is plugged in and the token may charge."""
        self._cancel(f"card{connector.number}")
        session = Session(
            station=self.name,
            connector=connector.number,
            token=token,
            started_at=now,
            meter_start_wh=round(connector.meter_wh),
        )
        connector.session = session
        self.report.append(session)
        reservation = connector.reservation[0] if connector.reservation else UNSET
        connector.reservation = None
        request = m.StartTransactionRequest(
            connectorId=connector.number,
            idTag=token,
            meterStart=session.meter_start_wh,
            reservationId=reservation,
            timestamp=now,
        )

        def answered(payload: Raw) -> None:
            answer = read_answer(m.StartTransactionResponse, payload)
            session.transaction_id = answer.transactionId
            session.authorization = answer.idTagInfo.status
            session.start_acknowledged = True
            stop_it = "true" in self.configuration.members("StopTransactionOnInvalidId")
            if session.authorization != "Accepted" and stop_it and connector.session is session:
                self.stop(connector, "DeAuthorized", self._now)

        self.mail.queue(Outgoing("StartTransaction", lambda: request, answered, session))
        self.set_status(connector, "Charging", now)
        self._sample_later(connector, now)
        stay_s = self._any(STAY_S)
        self.after(now, f"leave{connector.number}", stay_s, self._leaver(connector))

    def stop(self, connector: Connector, reason: Reason, now: datetime) -> None:
        """End the session of a connector; the car stays plugged in for a moment."""
        session = connector.session
        if session is None:
            return
        self._look(now)
        connector.session = None
        connector.power_w = 0.0
        connector.sessions += 1
        self.profiles.end_of_transaction(connector.number)
        self._cancel(f"sample{connector.number}")
        session.stopped_at = now
        session.meter_stop_wh = round(connector.meter_wh)
        session.reason = reason
        last = self._measure(connector, now, "Transaction.End")

        def build() -> m.StopTransactionRequest:
            return m.StopTransactionRequest(
                idTag=session.token if reason == "Local" else UNSET,
                meterStop=session.meter_stop_wh if session.meter_stop_wh is not None else UNSET,
                timestamp=now,
                transactionId=session.transaction_id if session.transaction_id is not None else -1,
                reason=reason,
                transactionData=[last] if self.configuration.members("StopTxnSampledData") else UNSET,
            )

        def answered(payload: Raw) -> None:
            session.stop_acknowledged = True

        self.mail.queue(Outgoing("StopTransaction", build, answered, session))
        self.set_status(connector, "Finishing", now)
        self.after(now, f"leave{connector.number}", self._any(UNPLUG_S), self._leaver(connector))

    def _leaver(self, connector: Connector) -> Callable[[datetime], None]:
        return lambda now: self._leave(connector, now)

    def _leave(self, connector: Connector, now: datetime) -> None:
        """The driver comes back: ends the session if there is one, and drives away a little later."""
        if connector.session is not None:
            self.stop(connector, "Local", now)
            return
        connector.battery = None
        self.set_status(connector, "Available" if connector.operative else "Unavailable", now)
        self._next_driver(connector, now)

    # -- meter values ---

    def _sample_later(self, connector: Connector, now: datetime) -> None:
        interval_s = self.configuration.number("MeterValueSampleInterval")
        if interval_s:
            self.after(now, f"sample{connector.number}", interval_s, lambda now: self._sample(connector, now))

    def _sample(self, connector: Connector, now: datetime) -> None:
        if connector.session is None:
            return
        self._look(now)
        self.send_meter_values(connector, now, "Sample.Periodic")
        self._sample_later(connector, now)

    def send_meter_values(
        self, connector: Connector, now: datetime, context: Literal["Sample.Periodic", "Trigger"]
    ) -> None:
        """Queue a MeterValues of the running session; without one it is sent at once or not at all."""
        session, value = connector.session, self._measure(connector, now, context)

        def build() -> m.MeterValuesRequest:
            known = session.transaction_id if session is not None else None
            return m.MeterValuesRequest(
                connectorId=connector.number,
                transactionId=known if known is not None else UNSET,
                meterValue=[value],
            )

        def answered(payload: Raw) -> None:
            if session is not None:
                session.meter_values_acknowledged += 1

        outgoing = Outgoing("MeterValues", build, answered, session)
        if session is None:
            self.mail.say(outgoing)
        else:
            self.mail.queue(outgoing)

    def _measure(self, connector: Connector, now: datetime, context: Context) -> m.MeterValue:
        wanted = self.configuration.members("MeterValuesSampledData")
        return samples(wanted, connector.meter_wh, connector.power_w, connector.battery, now, context)

    # -- the station as a whole ---

    def boot(self, now: datetime) -> None:
        request = m.BootNotificationRequest(
            chargePointVendor="EVSYS",
            chargePointModel="Simulator",
            chargePointSerialNumber=self.name[:25],
            firmwareVersion="1.0",
        )

        def answered(payload: Raw) -> None:
            answer = read_answer(m.BootNotificationResponse, payload)
            self.registration = answer.status
            if answer.status == "Accepted":
                if answer.interval > 0:
                    self.configuration.change("HeartbeatInterval", str(answer.interval))
                self._heartbeat_later(self._now)
                self.report_status(self._now)
            else:
                self.after(self._now, "boot", max(answer.interval, 1), self.boot)

        self.mail.say_first(Outgoing("BootNotification", lambda: request, answered))

    def _heartbeat_later(self, now: datetime) -> None:
        interval_s = self.configuration.number("HeartbeatInterval") or 300
        self.after(now, "heartbeat", interval_s, self._heartbeat)

    def _heartbeat(self, now: datetime) -> None:
        self._heartbeat_later(now)
        self.say("Heartbeat", m.HeartbeatRequest())

    def report_status(self, now: datetime, number: int | None = None) -> None:
        """StatusNotification of one connector, or of the station (0) and all."""
        if number in (None, 0):
            self.say("StatusNotification", self._status(0, "Available", now))
        for connector in self.connectors:
            if number in (None, connector.number):
                self.say("StatusNotification", self._status(connector.number, connector.status, now))

    def set_status(self, connector: Connector, status: Status, now: datetime) -> None:
        if status != connector.status:
            connector.status = status
            if self.registration == "Accepted":
                self.report_status(now, connector.number)

    @staticmethod
    def _status(number: int, status: Status, now: datetime) -> m.StatusNotificationRequest:
        return m.StatusNotificationRequest(
            connectorId=number, errorCode="NoError", status=status, timestamp=now
        )

    def _plan_offline(self, now: datetime) -> None:
        if self.settings.offline_spells:
            self.after(now, "offline", self._any(ONLINE_S), self._go_offline)

    def _go_offline(self, now: datetime) -> None:
        self._stay_away(now, self._any(OFFLINE_S))
        self._plan_offline(now)

    def _stay_away(self, now: datetime, simulated_s: float) -> None:
        self.hang_up = True
        self.online_from = now + timedelta(seconds=simulated_s / self.settings.speed)

    @property
    def _rebooting(self) -> bool:
        return "reboot" in self._timers

    def reboot(self, now: datetime, reason: Literal["SoftReset", "HardReset"]) -> None:
        """Stop what runs, go away, and come back with a boot."""
        for connector in self.connectors:
            self.stop(connector, reason, now)
        self.after(now, "reboot", 1.0, self._reboot)

    def _reboot(self, now: datetime) -> None:
        self.registration = ""
        self._stay_away(now, self._any(REBOOT_S))

    # -- frames ---

    def say(self, action: str, payload: Struct) -> None:
        """Send something that nothing hangs on."""
        self.mail.say(Outgoing(action, lambda: payload, lambda answer: None))

    def _pump(self, now: datetime) -> None:
        frame = self.mail.next_frame(now, self.registration)
        if frame is not None:
            self.outbox.append(frame)

    def _obey(self, call: Call, now: datetime) -> None:
        try:
            frame = self.mail.result(call, self._answer(self, call, now))
        except Refusal as refusal:
            frame = self.mail.error(call.id, refusal)
        self.outbox.append(frame)
