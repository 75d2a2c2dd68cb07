"""One connector: the car at it, the driver, the session and the meter (OCPP 1.6 §3.4, §4.8, §4.10).

A driver comes, plugs in (Preparing) and holds a card to the reader; the central system says whether it may
charge, or the station alone where it has no link. The car takes what it can and may (Charging, SuspendedEVSE
where nothing is offered, SuspendedEV once it is full) until the driver, the central system or a restart ends
the session (Finishing), and drives away (Available).

The meter is the truth: what `meterStart`, `meterStop` and the meter values say is its register.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, Raw

from evsys.ocpp.dialect import read_answer
from evsys.ocpp.v16 import messages as m
from evsys.simulator.battery import Battery
from evsys.simulator.cabinet import STEP_S, Cabinet, Status
from evsys.simulator.chance import visit
from evsys.simulator.configuration import MAX_STOP_VALUES
from evsys.simulator.mail import Outgoing
from evsys.simulator.metering import Context, samples
from evsys.simulator.profiles import Place
from evsys.simulator.session import Session

ASK_AGAIN_S: Final = 5.0
"""Simulated seconds before the card is tried again whose question was lost or refused."""
ASK_TIMES: Final = 3
TURNED_AWAY_S: Final = 10.0
"""How long a driver stays whose card was refused."""

Reason = Literal[
    "EVDisconnected", "HardReset", "Local", "Remote", "SoftReset", "UnlockCommand", "DeAuthorized"
]


class Reservation(NamedTuple):
    id: int
    token: str
    expires_at: datetime
    parent: str = ""
    """The group whose tokens may use it as well."""


class Connector:
    """One connector of a charge point. All methods take the time, which never goes back."""

    __slots__ = (
        "_cabinet",
        "_looked_at",
        "_stop_values",
        "_visit",
        "_visits",
        "battery",
        "meter_wh",
        "number",
        "operative",
        "power_w",
        "reservation",
        "session",
        "sessions",
        "status",
    )

    def __init__(self, cabinet: Cabinet, number: int, meter_wh: int, now: datetime) -> None:
        self.number = number
        self.meter_wh = float(meter_wh)
        self.status: Status = "Available"
        self.operative = True
        self.battery: Battery | None = None
        """Of the car that is plugged in; None: the place is empty."""
        self.session: Session | None = None
        self.sessions = 0
        """How many are over."""
        self.power_w = 0.0
        self.reservation: Reservation | None = None
        self._cabinet = cabinet
        self._looked_at = now
        self._stop_values: list[m.MeterValue] = []
        self._visits = 0
        self._expect(now)

    # -- the driver ---

    def _expect(self, now: datetime) -> None:
        """Plan the next visit; it comes unless there were sessions enough."""
        settings = self._cabinet.settings
        seed, name = self._cabinet.seed, self._cabinet.name
        self._visit = visit(seed, name, self.number, self._visits, settings.tokens, settings.most_w)
        self._visits += 1
        if settings.sessions is None or self.sessions < settings.sessions:
            self._after(now, "driver", self._visit.idle_s, self._arrive)

    def _arrive(self, now: datetime) -> None:
        """The driver finds the place free and plugs in, or comes again later."""
        mine = self.reservation is not None and self._may_use(self._visit.token)
        if self._cabinet.restarting or not (self.status == "Available" or mine):
            self._after(now, "driver", self._visit.idle_s, self._arrive)
            return
        self.plug_in(now)
        self._after(now, "card", self._visit.plugged_s, lambda now: self.present(self._visit.token, now))

    def plug_in(self, now: datetime) -> None:
        """The car of the visit that is planned is plugged in."""
        self._cancel("driver")
        self.battery = self._visit.car()
        self.set_status("Preparing", now)

    def present(self, token: str, now: datetime, times: int = ASK_TIMES) -> None:
        """A token is held to the reader, or comes from afar: ask whether it may charge, or decide alone.
        `times`: how often it is asked."""
        if self.session is not None or self.battery is None:
            return
        allowed, may_use = self._cabinet.allows(token, now), self._may_use(token)
        if self._cabinet.restarting:
            self._after(now, "card", ASK_AGAIN_S, lambda now: self.present(token, now, times))
        elif not self.operative or times == 0 or may_use is False:
            self._turn_away(now)
        elif not self._cabinet.online:
            self._decide_alone(token, allowed if may_use else False, now)
        elif allowed and may_use and self._cabinet.configuration.true("LocalPreAuthorize"):
            self.start(token, now)
        else:
            self._ask(token, now, times)

    def _decide_alone(self, token: str, allowed: bool | None, now: datetime) -> None:
        true = self._cabinet.configuration.true
        if (
            true("AllowOfflineTxForUnknownId")
            if allowed is None
            else allowed and true("LocalAuthorizeOffline")
        ):
            self.start(token, now)
        else:
            self._turn_away(now)

    def _ask(self, token: str, now: datetime, times: int) -> None:
        def answered(payload: Raw, now: datetime) -> None:
            info = read_answer(m.AuthorizeResponse, payload).idTagInfo
            self._cabinet.tokens.heard(token, info)
            if self.session is None and self.battery is not None and not self._cabinet.restarting:
                if info.status == "Accepted" and self._may_use(token):
                    self.start(token, now)
                else:
                    self._turn_away(now)

        def failed(now: datetime) -> None:
            self._after(now, "card", ASK_AGAIN_S, lambda now: self.present(token, now, times - 1))

        request = m.AuthorizeRequest(idTag=token)
        self._cabinet.mail.say(Outgoing("Authorize", lambda: request, answered, failed), now)

    def _turn_away(self, now: datetime) -> None:
        self._after(now, "leave", TURNED_AWAY_S, self._drive_away)

    def _come_back(self, now: datetime) -> None:
        """The driver ends the session, at the car or with the card."""
        if self._visit.pulls_the_plug:
            self.stop("EVDisconnected", now)
            self._drive_away(now)
        else:
            self.stop("Local", now)

    def _drive_away(self, now: datetime) -> None:
        self._cancel("card")
        self._cabinet.profiles.end_of_transaction(self.number)
        self.battery = None
        free: Status = "Available" if self.reservation is None else "Reserved"
        self.set_status(free if self.operative else "Unavailable", now)
        self._expect(now)

    # -- the session ---

    def start(self, token: str, now: datetime) -> None:
        """Begin a session of the car that is plugged in."""
        self._cancel("card")
        session = self.session = Session(
            station=self._cabinet.name,
            connector=self.number,
            token=token,
            started_at=now,
            meter_start_wh=round(self.meter_wh),
        )
        self._cabinet.report.append(session)
        self._cabinet.charging += 1
        request = m.StartTransactionRequest(
            connectorId=self.number,
            idTag=token,
            meterStart=session.meter_start_wh,
            reservationId=self.reservation.id if self.reservation is not None else UNSET,
            timestamp=now,
        )
        self.forget_reservation()

        def answered(payload: Raw, now: datetime) -> None:
            answer = read_answer(m.StartTransactionResponse, payload)
            self._cabinet.tokens.heard(token, answer.idTagInfo)
            session.transaction_id = answer.transactionId
            session.authorization = answer.idTagInfo.status
            session.start_acknowledged = True
            if session.authorization != "Accepted" and self.session is session:
                if self._cabinet.configuration.true("StopTransactionOnInvalidId"):
                    self.stop("DeAuthorized", now)
                else:
                    self.flow(now)

        self._cabinet.mail.queue(Outgoing("StartTransaction", lambda: request, answered, session=session))
        self._looked_at = now
        self.flow(now)
        self._keep_for_stop(now, "Transaction.Begin")
        self.sample_later(now)
        self._after(now, "leave", self._visit.stay_s, self._come_back)

    def stop(self, reason: Reason, now: datetime) -> None:
        """End the session, if there is one; the car stays plugged in for a moment."""
        session = self.session
        if session is None:
            return
        self.flow(now)
        self._keep_for_stop(now, "Transaction.End")
        self.session, self.power_w = None, 0.0
        self.sessions += 1
        self._cabinet.charging -= 1
        self._cabinet.profiles.end_of_transaction(self.number)
        self._cancel("sample")
        self._cancel("look")
        session.stopped_at, session.reason = now, reason
        meter_stop_wh = session.meter_stop_wh = round(self.meter_wh)
        values, self._stop_values = self._stop_values, []

        def build() -> m.StopTransactionRequest:
            return m.StopTransactionRequest(
                idTag=session.token if reason == "Local" else UNSET,
                meterStop=meter_stop_wh,
                timestamp=now,
                transactionId=session.transaction_id if session.transaction_id is not None else -1,
                reason=reason,
                transactionData=values or UNSET,
            )

        def answered(payload: Raw, now: datetime) -> None:
            info = read_answer(m.StopTransactionResponse, payload).idTagInfo
            if info is not UNSET:
                self._cabinet.tokens.heard(session.token, info)
            session.stop_acknowledged = True

        self._cabinet.mail.queue(Outgoing("StopTransaction", build, answered, session=session))
        self.set_status("Finishing", now)
        self._after(now, "leave", self._visit.unplug_s, self._drive_away)

    def flow(self, now: datetime) -> None:
        """Let energy flow as it did since the last look, then see what flows from here on."""
        session, battery = self.session, self.battery
        if session is None or battery is None:
            return
        seconds = (now - self._looked_at).total_seconds() * self._cabinet.settings.speed
        self._looked_at = now
        self.meter_wh += battery.take(self.power_w, seconds)
        self.power_w = battery.power_w(self.offered_w(now))
        self._after(now, "look", STEP_S, self.flow)
        if self.power_w > 0:
            self.set_status("Charging", now)
        elif not battery.full:
            self.set_status("SuspendedEVSE", now)
        elif self.status != "SuspendedEV":
            self.set_status("SuspendedEV", now)
            self._after(now, "leave", self._visit.full_stay_s, self._come_back)

    def offered_w(self, now: datetime) -> float:
        """What the car may take now: what the profiles leave, and nothing for a token that may not charge."""
        if self.session is None or self.session.authorization not in ("", "Accepted"):
            return 0.0
        return self._cabinet.profiles.limit_w(self.place, now)

    @property
    def place(self) -> Place:
        """The connector, as the profiles look at it."""
        return Place(
            self.number,
            self._cabinet.settings.most_w,
            started_at=self.session.started_at if self.session else None,
            phases=self.battery.phases if self.battery else 3,
            sharing=self._cabinet.charging,
        )

    # -- the meter ---

    @property
    def energy_wh(self) -> int:
        """What went into the car in the session that runs, up to the last look."""
        return round(self.meter_wh) - self.session.meter_start_wh if self.session is not None else 0

    def sample_later(self, now: datetime) -> None:
        """Sample after MeterValueSampleInterval; 0: never."""
        interval_s = self._cabinet.configuration.number("MeterValueSampleInterval")
        if self.session is not None and interval_s:
            self._after(now, "sample", interval_s, self._sample)
        else:
            self._cancel("sample")

    def _sample(self, now: datetime) -> None:
        self._keep_for_stop(now, "Sample.Periodic")
        self.send_meter_values(now, "Sample.Periodic")
        self.sample_later(now)

    def send_meter_values(
        self, now: datetime, context: Context, wanted: str = "MeterValuesSampledData"
    ) -> None:
        """Queue a MeterValues of the running session; without one it is sent at once or not at all. `wanted`
        is the key that says what it has."""
        self.flow(now)
        session, value = self.session, self._measure(now, context, wanted)

        def build() -> m.MeterValuesRequest:
            known = session.transaction_id if session is not None else None
            return m.MeterValuesRequest(
                connectorId=self.number,
                transactionId=known if known is not None else UNSET,
                meterValue=[value],
            )

        def answered(payload: Raw, now: datetime) -> None:
            if session is not None:
                session.meter_values_acknowledged += 1

        outgoing = Outgoing("MeterValues", build, answered, session=session)
        if session is None:
            self._cabinet.mail.say(outgoing, now)
        else:
            self._cabinet.mail.queue(outgoing)

    def _keep_for_stop(self, now: datetime, context: Context) -> None:
        """A meter value for the stop's transactionData, if it is to have any; the oldest but the first give
        way."""
        if self._cabinet.configuration.members("StopTxnSampledData"):
            self.flow(now)
            if len(self._stop_values) >= MAX_STOP_VALUES:
                del self._stop_values[1]
            self._stop_values.append(self._measure(now, context, "StopTxnSampledData"))

    def _measure(self, now: datetime, context: Context, wanted: str) -> m.MeterValue:
        measurands = self._cabinet.configuration.members(wanted)
        offered_w = self.offered_w(now)
        return samples(measurands, self.meter_wh, self.power_w, offered_w, self.battery, now, context)

    # -- what is asked of it ---

    def set_status(self, status: Status, now: datetime) -> None:
        """Change the status, and tell of it; without a link it is told when there is one."""
        if status != self.status:
            self.status = status
            if self._cabinet.online:
                self._cabinet.say_status(self.number, status, now)

    def is_free_for(self, token: str) -> bool:
        """Whether a session of this token can begin here."""
        free = self.operative and self.session is None and not self._cabinet.restarting
        return (
            free
            and self._may_use(token) is not False
            and self.status in ("Available", "Preparing", "Reserved")
        )

    def begin_remotely(self, token: str, profile: m.ChargingProfile | None, now: datetime) -> None:
        """A session that was started from afar: the car is plugged in if it was not yet."""
        if not self.is_free_for(token):
            return
        if self.battery is None:
            self.plug_in(now)
        if profile is not None:
            # It waits for the session as the one of this moment: there is none yet that could say otherwise.
            self._cabinet.profiles.set(self.number, profile, now, transaction=0)
        if self._cabinet.configuration.true("AuthorizeRemoteTxRequests"):
            self.present(token, now)
        else:
            self.start(token, now)

    def make_operative(self, operative: bool, now: datetime) -> bool:
        """Take it into or out of service. Whether that holds at once: a car that is there charges first."""
        self.operative = operative
        if operative:
            if self.status == "Unavailable":
                self.set_status("Available", now)
        elif self.battery is None:
            self.forget_reservation()
            self.set_status("Unavailable", now)
        return operative or self.battery is None

    def reserve(self, reservation: Reservation, now: datetime) -> None:
        """Keep it free for a token, until then."""
        self.reservation = reservation
        self.set_status("Reserved", now)
        self._cabinet.timers.at(reservation.expires_at, f"reservation{self.number}", self.end_reservation)

    def end_reservation(self, now: datetime) -> None:
        self.forget_reservation()
        if self.status == "Reserved":
            self.set_status("Available", now)

    def forget_reservation(self) -> None:
        self.reservation = None
        self._cancel("reservation")

    # -- helpers ---

    def _may_use(self, token: str) -> bool | None:
        """Whether a token may charge here although the place may be reserved; None: only the central system
        knows whether it is of the group that it is reserved for."""
        reservation = self.reservation
        if reservation is None or reservation.token.upper() == token.upper():
            return True
        if not reservation.parent:
            return False
        parent = self._cabinet.parent_of(token)
        return None if parent is None else parent.upper() == reservation.parent.upper()

    def _after(
        self, now: datetime, what: str, simulated_s: float, action: Callable[[datetime], None]
    ) -> None:
        self._cabinet.timers.after(now, f"{what}{self.number}", simulated_s, action)

    def _cancel(self, what: str) -> None:
        self._cabinet.timers.cancel(f"{what}{self.number}")
