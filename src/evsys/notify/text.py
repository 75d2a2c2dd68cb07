"""The texts: what people are told of an event, in their language; they serve every channel.

Each says what happened, where, since when and what to do. The words are English here, each through `say` or
`plural`; other languages are catalogues beside (`locale/`), which `tools/generate_catalogues.py` keeps in
step. What comes from outside (a station's id, its reasons) is put in as a value only, on one line and of
limited length: nobody can add lines of their own to a message.

An event without words of its own is told by its kind.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from evsys.core.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmFlapping,
    AlarmRaised,
    AlarmRepeated,
    AlarmSettled,
    AuthorizationAnswered,
    CampaignChanged,
    CertificateEnding,
    CertificateIssued,
    CertificateRefused,
    CommandDropped,
    CommandFinished,
    ConnectionRefused,
    ConnectorStatusChanged,
    DiagnosticsStatusChanged,
    Event,
    EventSetAside,
    FileStored,
    FirmwareStatusChanged,
    JobChanged,
    LocalListChanged,
    LoggedEvent,
    MessageQuarantined,
    ReservationChanged,
    SecurityEventReported,
    SecurityUpgradeChanged,
    ServerStarted,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationRegistered,
    StationRemoved,
    SubscriptionPaused,
    TransactionCorrected,
    TransactionEnded,
    TransactionStarted,
)
from evsys.core.records import Alarm, AlarmKind, Language, Severity, Transaction
from evsys.notify.notifier import Action
from evsys.notify.speech import Speaker, one_line
from evsys.store.views.digests import Digest
from evsys.store.views.notices import Folded, Place

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"
MAX_LINES: Final = 20
"""Lines of a summary or a digest; what is beyond is counted in one."""


class Wording(Struct, frozen=True, kw_only=True):
    """A message in words."""

    subject: str
    what: str
    severity: Severity = "info"
    fields: tuple[tuple[str, str], ...] = ()
    """What is told below: a label each, and what it says."""
    rows: tuple[tuple[str, ...], ...] = ()
    """A table, its first row the headings."""
    actions: tuple[Action, ...] = ()
    alarm_id: str = ""

    @property
    def text(self) -> str:
        """As plain text, without the subject."""
        lines = [self.what, *(f"{label}: {said}" for label, said in self.fields)]
        if self.rows:
            lines += ["", *("  ".join(each for each in row if each) for row in self.rows[1:])]
        return "\n".join(lines)


class _Said(Struct, frozen=True):
    """What is particular of an event."""

    headline: str
    what: str
    todo: str = ""
    severity: Severity = "info"
    since: datetime | None = None
    actions: tuple[Action, ...] = ()


def severity_of(event: Event) -> Severity:
    """How much an event matters: alarms say so themselves."""
    match event:
        case AlarmRaised(alarm=alarm) | AlarmRepeated(alarm=alarm) | AlarmFlapping(alarm=alarm):
            return alarm.severity
        case SubscriptionPaused() | EventSetAside():
            return "warning"
        case _:
            return "info"


def alarm_of(event: Event) -> Alarm | None:
    """The alarm that an event tells of."""
    match event:
        case (
            AlarmRaised()
            | AlarmRepeated()
            | AlarmFlapping()
            | AlarmSettled()
            | AlarmAcknowledged()
            | AlarmCleared()
        ):
            return event.alarm
        case _:
            return None


def of_event(logged: LoggedEvent, place: Place | None, language: Language, time_zone: str) -> Wording:
    """An event in words. `time_zone`: where the station's location has none."""
    location = place.location if place is not None else None
    speaker = Speaker(language, location.time_zone if location is not None else time_zone)
    name = _name(logged.station_id, place)
    said = _said(logged.event, name, speaker)
    alarm = alarm_of(logged.event)
    fields = [(speaker.say("Where"), _where(name, place))] if name else []
    fields.append((speaker.say("Since"), speaker.time(said.since or logged.at)))
    if said.todo:
        fields.append((speaker.say("What to do"), said.todo))
    subject = f"{name}: {said.headline}" if name else said.headline
    if said.severity != "info":
        word = speaker.say("Critical") if said.severity == "critical" else speaker.say("Warning")
        subject = f"{word} · {subject}"
    return Wording(
        subject=subject,
        what=said.what.strip(),
        severity=said.severity,
        fields=tuple(fields),
        actions=said.actions,
        alarm_id=alarm.id if alarm is not None else "",
    )


def of_summary(
    folded: Sequence[Folded], places: dict[str, Place], language: Language, time_zone: str
) -> Wording:
    """Many messages folded into one."""
    speaker = Speaker(language, time_zone)
    number = sum(each.number for each in folded)
    first, last = min(each.first_at for each in folded), max(each.last_at for each in folded)
    rows = [(speaker.say("How many"), speaker.say("What"), speaker.say("Where"))]
    for each in folded[:MAX_LINES]:
        name = _name(each.station_id, places.get(each.station_id))
        rows.append((f"{each.number} ×", kind_in_words(each.kind, speaker), name))
    if rest := sum(each.number for each in folded[MAX_LINES:]):
        rows.append((f"{rest} ×", speaker.say("others"), ""))
    return Wording(
        subject=speaker.plural("{number} message in one", "{number} messages in one", number),
        what=speaker.plural(
            "{number} message came too fast to be told by itself.",
            "{number} messages came too fast to be told one by one.",
            number,
        ),
        fields=(
            (speaker.say("From"), speaker.time(first)),
            (speaker.say("Until"), speaker.time(last)),
        ),
        rows=tuple(rows),
    )


def of_digest(digest: Digest, language: Language, time_zone: str) -> Wording:
    """Sessions, energy and uptime of a period."""
    speaker = Speaker(language, time_zone)
    rows = [(speaker.say("Station"), speaker.say("Sessions"), speaker.say("Energy"), speaker.say("Uptime"))]
    for each in digest.stations[:MAX_LINES]:
        name = one_line(f"{each.title} ({each.station_id})" if each.title else each.station_id)
        sessions = speaker.plural("{number} session", "{number} sessions", each.sessions)
        rows.append((name, sessions, speaker.energy(each.energy_wh), speaker.percent(each.uptime)))
    if (rest := len(digest.stations) - MAX_LINES) > 0:
        rows.append((speaker.plural("{number} other station", "{number} other stations", rest), "", "", ""))
    period = f"{speaker.day(digest.since)} – {speaker.day(digest.until)}"
    sessions = speaker.plural("{number} session", "{number} sessions", digest.sessions)
    return Wording(
        subject=speaker.say(
            "{sessions}, {energy}: {period}",
            sessions=sessions,
            energy=speaker.energy(digest.energy_wh),
            period=period,
        ),
        what=speaker.say("What your stations have done."),
        fields=(
            (speaker.say("Period"), period),
            (speaker.say("Sessions"), str(digest.sessions)),
            (speaker.say("Energy"), speaker.energy(digest.energy_wh)),
            (speaker.say("Uptime"), speaker.percent(digest.uptime)),
        ),
        rows=tuple(rows) if digest.stations else (),
    )


def of_test(at: datetime, language: Language, time_zone: str) -> Wording:
    """What somebody sends to see whether it arrives."""
    speaker = Speaker(language, time_zone)
    return Wording(
        subject=speaker.say("A test"),
        what=speaker.say("This is a test: messages arrive here."),
        fields=((speaker.say("Since"), speaker.time(at)),),
    )


def html(wording: Wording, language: Language) -> str:
    """A message as a page."""
    return _environment().get_template("message.html").render(message=wording, language=language)


def kind_in_words(kind: str, speaker: Speaker) -> str:
    """A kind of event as people call it."""
    match kind:
        case "AlarmRaised":
            return speaker.say("alarm")
        case "StationConnected":
            return speaker.say("connected")
        case "StationDisconnected":
            return speaker.say("disconnected")
        case "StationBooted":
            return speaker.say("started up")
        case "ConnectorStatusChanged":
            return speaker.say("status changed")
        case "TransactionStarted":
            return speaker.say("session began")
        case "TransactionEnded":
            return speaker.say("session ended")
        case _:
            return kind


def _name(station_id: str, place: Place | None) -> str:
    """A station as people call it; empty for none."""
    title = place.station.title if place is not None else ""
    return one_line(f"{title} ({station_id})" if title and station_id else station_id)


def _where(name: str, place: Place | None) -> str:
    location = place.location if place is not None else None
    if location is None:
        return name
    parts = (name, location.name or location.id, location.address)
    return one_line(", ".join(each for each in parts if each))


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


# -- the words of each event ---------------------------------------------------------------------------------


def _said(event: Event, name: str, speaker: Speaker) -> _Said:
    """What is particular of an event. `name`: its station's."""
    say = speaker.say
    match event:
        case AlarmRaised(alarm=alarm) | AlarmRepeated(alarm=alarm) | AlarmFlapping(alarm=alarm):
            return _alarm(alarm, name, speaker)
        case AlarmSettled(alarm=alarm):
            return _Said(
                say("settled: {what}", what=_alarm_title(alarm, speaker)),
                say("It comes and goes no longer: {what}.", what=_alarm_title(alarm, speaker)),
                since=alarm.raised_at,
            )
        case AlarmCleared(alarm=alarm):
            return _Said(
                say("over: {what}", what=_alarm_title(alarm, speaker)),
                say("The alarm is over: {what}.", what=_alarm_title(alarm, speaker)),
                since=alarm.raised_at,
            )
        case AlarmAcknowledged(alarm=alarm):
            return _Said(
                say("seen: {what}", what=_alarm_title(alarm, speaker)),
                say("{by} has seen the alarm: {what}.", by=event.by, what=_alarm_title(alarm, speaker)),
                since=alarm.raised_at,
            )
        case TransactionStarted() | TransactionEnded() | TransactionCorrected():
            return _session(event, name, speaker)
        case (
            StationConnected()
            | StationDisconnected()
            | StationBooted()
            | StationRegistered()
            | StationRemoved()
            | ConnectorStatusChanged()
        ):
            return _station(event, name, speaker)
        case (
            SecurityEventReported()
            | ConnectionRefused()
            | CertificateIssued()
            | CertificateRefused()
            | CertificateEnding()
            | SecurityUpgradeChanged()
            | AuthorizationAnswered()
        ):
            return _security(event, name, speaker)
        case SubscriptionPaused():
            return _Said(
                say("messages paused: {title}", title=event.title or event.subscription_id),
                say(
                    "Messages by {channel} to {title} are paused: {reason}.",
                    channel=event.channel,
                    title=event.title or event.subscription_id,
                    reason=event.reason,
                ),
                say("Mend the address, then resume the subscription; ask for a replay of what was missed."),
                "warning",
            )
        case EventSetAside():
            return _Said(
                say("an event was set aside"),
                say(
                    "{consumer} could not take {kind} (number {seq}) after {tries} tries: {reason}.",
                    consumer=event.consumer,
                    kind=event.event_kind,
                    seq=event.seq,
                    tries=event.tries,
                    reason=event.reason,
                ),
                say("What should have followed from it has not: see the log, and report it."),
                "warning",
            )
        case ServerStarted():
            return _Said(
                say("the central system has started"),
                say("The central system has started, version {version}.", version=event.version),
            )
        case _:
            return _work(event, name, speaker)


def _station(
    event: StationConnected
    | StationDisconnected
    | StationBooted
    | StationRegistered
    | StationRemoved
    | ConnectorStatusChanged,
    name: str,
    speaker: Speaker,
) -> _Said:
    say = speaker.say
    match event:
        case StationConnected():
            return _Said(
                say("connected"),
                say("{name} is connected, from {address}.", name=name, address=event.address),
            )
        case StationDisconnected():
            return _Said(
                say("disconnected"),
                say("{name} is no longer connected: {reason}.", name=name, reason=event.reason),
                say("Most stations come back by themselves. If not: look at its power and its network."),
            )
        case StationBooted():
            return _Said(
                say("started up"),
                say(
                    "{name} has started up: {vendor} {model}, firmware {firmware}.",
                    name=name,
                    vendor=event.vendor,
                    model=event.model,
                    firmware=event.firmware_version or "?",
                ),
            )
        case StationRegistered():
            return _Said(say("new station"), say("{name} is known from now on.", name=name))
        case StationRemoved():
            return _Said(say("station removed"), say("{name} is no longer known.", name=name))
        case ConnectorStatusChanged(connector=connector):
            values = {"name": name, "connector": connector.evse_id, "status": connector.status}
            if connector.status != "Faulted":
                return _Said(
                    say("connector {connector} is {status}", **values),
                    say("Connector {connector} of {name} is {status}.", **values),
                )
            codes = (connector.error_code, connector.vendor_error_code, connector.info)
            return _Said(
                say("connector {connector} is faulted", **values),
                say(
                    "Connector {connector} of {name} is faulted: {codes}.",
                    **values,
                    codes=", ".join(each for each in codes if each) or "?",
                ),
                say("Restart the station. If the fault comes back, call its service with these codes."),
                actions=(
                    Action(kind="reset", label=say("Restart"), station_id=connector.station_id),
                    Action(
                        kind="unlock",
                        label=say("Unlock"),
                        station_id=connector.station_id,
                        evse_id=connector.evse_id,
                        connector_id=connector.connector_id,
                    ),
                ),
            )


def _session(
    event: TransactionStarted | TransactionEnded | TransactionCorrected, name: str, speaker: Speaker
) -> _Said:
    say = speaker.say
    transaction = event.transaction
    values = _session_values(transaction, name, speaker)
    match event:
        case TransactionStarted() if transaction.authorization != "Accepted":
            return _Said(
                say("session of a refused token"),
                say(
                    "A session began on connector {connector} of {name} with the token {token}, which was "
                    "answered {authorization}.",
                    **values,
                ),
                say("See that the station stops it: some go on charging."),
                since=transaction.started_at,
                actions=_stop(transaction, speaker),
            )
        case TransactionStarted():
            return _Said(
                say("session began"),
                say("A session began on connector {connector} of {name} with the token {token}.", **values),
                since=transaction.started_at,
                actions=_stop(transaction, speaker),
            )
        case TransactionEnded() if transaction.ended_by in ("sweep", "superseded"):
            return _Said(
                say("session closed"),
                say(
                    "A session on connector {connector} of {name} was closed without a word of the station: "
                    "{energy} in {duration}.",
                    **values,
                ),
                say("Look whether the station reports the end later; its meter knows what was charged."),
                since=transaction.started_at,
            )
        case TransactionEnded():
            return _Said(
                say("session ended"),
                say(
                    "A session on connector {connector} of {name} has ended: {energy} in {duration}.",
                    **values,
                ),
                since=transaction.started_at,
            )
        case TransactionCorrected():
            return _Said(
                say("session corrected"),
                say(
                    "A session on connector {connector} of {name} was corrected ({reason}): {energy} in "
                    "{duration}.",
                    **values,
                    reason=event.reason,
                ),
                since=transaction.started_at,
            )


def _session_values(transaction: Transaction, name: str, speaker: Speaker) -> dict[str, object]:
    ended = transaction.ended_at or transaction.started_at
    return {
        "name": name,
        "connector": transaction.evse_id,
        "token": transaction.id_token or "?",
        "authorization": transaction.authorization,
        "energy": speaker.energy(transaction.energy_wh or 0),
        "duration": speaker.duration((ended - transaction.started_at).total_seconds()),
    }


def _stop(transaction: Transaction, speaker: Speaker) -> tuple[Action, ...]:
    return (
        Action(
            kind="stop",
            label=speaker.say("Stop"),
            station_id=transaction.station_id,
            evse_id=transaction.evse_id,
            transaction_id=transaction.id,
        ),
    )


def _security(
    event: SecurityEventReported
    | ConnectionRefused
    | CertificateIssued
    | CertificateRefused
    | CertificateEnding
    | SecurityUpgradeChanged
    | AuthorizationAnswered,
    name: str,
    speaker: Speaker,
) -> _Said:
    say = speaker.say
    match event:
        case SecurityEventReported():
            return _Said(
                say("security event {type}", type=event.type),
                say(
                    "{name} reports the security event {type}. {info}",
                    name=name,
                    type=event.type,
                    info=event.info,
                ),
                since=event.reported_at,
            )
        case ConnectionRefused():
            return _Said(
                say("connection refused"),
                say(
                    "A connection from {address} was refused: {reason}. {detail}",
                    address=event.address,
                    reason=event.reason,
                    detail=event.detail,
                ),
                say(
                    "If it is your station, mend its password or its certificate; if not, somebody is trying."
                ),
            )
        case CertificateIssued():
            return _Said(
                say("new certificate"),
                say(
                    "{name} has a new certificate, good until {until}.",
                    name=name,
                    until=speaker.time(event.valid_until),
                ),
            )
        case CertificateRefused():
            return _Said(
                say("certificate not signed"),
                say("What {name} asked to be signed was not: {reason}.", name=name, reason=event.reason),
                say("See that the authority can sign, and that the station asks for its own name."),
            )
        case CertificateEnding():
            return _Said(
                say("certificate ends"),
                say(
                    "The certificate of {name} ends on {until}.",
                    name=name,
                    until=speaker.time(event.valid_until),
                ),
                say(
                    "Have the station ask for a new one (ExtendedTriggerMessage SignChargePointCertificate)."
                ),
            )
        case SecurityUpgradeChanged():
            return _Said(
                say("security profile {profile}: {state}", profile=event.profile, state=event.state),
                say(
                    "{name} on its way to security profile {profile}: {state}. {error}",
                    name=name,
                    profile=event.profile,
                    state=event.state,
                    error=event.error,
                ),
            )
        case AuthorizationAnswered():
            return _Said(
                say("token {token}: {status}", token=event.id_token, status=event.status),
                say(
                    "{name} asked for the token {token} and was answered {status}.",
                    name=name,
                    token=event.id_token,
                    status=event.status,
                ),
            )


def _work(event: Event, name: str, speaker: Speaker) -> _Said:
    """What the office does, and all that has no words of its own."""
    say = speaker.say
    match event:
        case CommandFinished():
            outcome = event.error or event.status or "?"
            return _Said(
                say("{command}: {outcome}", command=event.type, outcome=outcome),
                say(
                    "The command {command} to {name} has ended: {outcome}.",
                    command=event.type,
                    name=name,
                    outcome=outcome,
                ),
            )
        case CommandDropped():
            return _Said(
                say("{command} was not sent", command=event.type),
                say(
                    "The command {command} that waited for {name} is not sent: {status}. {error}",
                    command=event.type,
                    name=name,
                    status=event.status,
                    error=event.error,
                ),
            )
        case ReservationChanged(reservation=reservation):
            return _Said(
                say("reservation {status}", status=reservation.status),
                say(
                    "The reservation of {name} for {token} until {until} is {status}. {reason}",
                    name=name,
                    token=reservation.id_token,
                    until=speaker.time(reservation.expires_at),
                    status=reservation.status,
                    reason=reservation.reason,
                ),
            )
        case FirmwareStatusChanged():
            return _Said(
                say("firmware: {status}", status=event.status),
                say("{name} says of its firmware: {status}.", name=name, status=event.status),
            )
        case DiagnosticsStatusChanged():
            return _Said(
                say("diagnostics: {status}", status=event.status),
                say("{name} says of its diagnostics: {status}.", name=name, status=event.status),
            )
        case JobChanged(job=job):
            return _Said(
                say("{kind}: {state}", kind=job.kind, state=job.state),
                say(
                    "The job {kind} of {name} is {state}. {reason}",
                    kind=job.kind,
                    name=name,
                    state=job.state,
                    reason=job.reason,
                ),
            )
        case CampaignChanged(campaign=campaign):
            return _Said(
                say("campaign {title}: {state}", title=campaign.name or campaign.id, state=campaign.state),
                say(
                    "The campaign {title} of {stations} stations is {state}. {reason}",
                    title=campaign.name or campaign.id,
                    stations=campaign.stations,
                    state=campaign.state,
                    reason=campaign.reason,
                ),
            )
        case LocalListChanged():
            return _Said(
                say("local list: {state}", state=event.state),
                say(
                    "The local list of {name} is {state}. {error}",
                    name=name,
                    state=event.state,
                    error=event.error,
                ),
            )
        case FileStored(file=file):
            return _Said(
                say("file {file}", file=file.name),
                say("The file {file} is here ({size} bytes).", file=file.name, size=file.size_bytes),
            )
        case MessageQuarantined(quarantined=held):
            return _Said(
                say("message put aside"),
                say(
                    "A message of {name} belongs to no session that is known: {reason}.",
                    name=name,
                    reason=held.reason,
                ),
                say("It is kept, and attached when its session is found (GET /api/v1/quarantine)."),
            )
        case _:
            kind = type(event).__name__
            if name:
                return _Said(kind, say("{kind} at {name}.", kind=kind, name=name))
            return _Said(kind, say("{kind}.", kind=kind))


# -- alarms --------------------------------------------------------------------------------------------------


def _alarm(alarm: Alarm, name: str, speaker: Speaker) -> _Said:
    say = speaker.say
    title = _alarm_title(alarm, speaker)
    what = say("{what}: {detail}.", what=title, detail=alarm.detail) if alarm.detail else f"{title}."
    if alarm.flapping:
        what += " " + say("It comes and goes.")
    if alarm.count > 1:
        what += " " + speaker.plural("{number} time so far.", "{number} times so far.", alarm.count)
    return _Said(
        title,
        what,
        _alarm_todo(alarm.kind, speaker),
        alarm.severity,
        alarm.raised_at,
        (Action(kind="acknowledge", label=say("Seen"), alarm_id=alarm.id, station_id=alarm.station_id),),
    )


def _alarm_title(alarm: Alarm, speaker: Speaker) -> str:
    say = speaker.say
    match alarm.kind:
        case "security_event":
            return say("Security event {name}", name=alarm.name)
        case "connection_refused":
            return say("Connection refused: {name}", name=alarm.name)
        case "certificate_refused":
            return say("Certificate not signed")
        case "certificate_ends":
            return say("Certificate ends")
        case "upgrade_failed":
            return say("Upgrade of security failed: {name}", name=alarm.name)
        case "station_offline":
            return say("Station offline")
        case "connector_faulted":
            return say("Connector {name} faulted", name=alarm.name)
        case "no_energy":
            return say("Session without energy: {name}", name=alarm.name)
        case "session_abandoned":
            return say("Session abandoned")
        case "meter_silent":
            return say("Meter silent in session {name}", name=alarm.name)
        case "meter_backwards":
            return say("Meter ran backwards at EVSE {name}", name=alarm.name)
        case "authorization_refused":
            return say("Cards refused again and again")
        case "clock_off":
            return say("Clock of the station is wrong")
        case "disk_space":
            return say("Disk nearly full")
        case "database":
            return say("Database in trouble")
        case "event_set_aside":
            return say("Event given up by {name}", name=alarm.name)
        case "channel_failed":
            return say("Messages by {name} do not leave", name=alarm.name)


def _alarm_todo(kind: AlarmKind, speaker: Speaker) -> str:
    say = speaker.say
    match kind:
        case "security_event":
            return say("Have somebody look at the station: it may have been opened or changed.")
        case "connection_refused":
            return say(
                "If it is your station, mend its password or its certificate; if not, somebody is trying."
            )
        case "certificate_refused":
            return say("See that the authority can sign, and that the station asks for its own name.")
        case "certificate_ends":
            return say(
                "Have the station ask for a new one (ExtendedTriggerMessage SignChargePointCertificate)."
            )
        case "upgrade_failed":
            return say("Look at what the station said, and begin the upgrade again.")
        case "station_offline":
            return say("See that the station has power and a network.")
        case "connector_faulted":
            return say("Look up the codes in the manual of the station; a reset may help.")
        case "no_energy" | "meter_silent":
            return say("Look at the cable, the car and the meter.")
        case "session_abandoned":
            return say("Ask the station for its diagnostics; the energy is what was known last.")
        case "meter_backwards":
            return say("Have the meter looked at before the session is charged for.")
        case "authorization_refused":
            return say("Register the card if it is one of yours.")
        case "clock_off":
            return say("Let the station have its time from the server, or restart it.")
        case "disk_space":
            return say("Make room before the database can write no more.")
        case "database" | "event_set_aside":
            return say("Look into the log of the server.")
        case "channel_failed":
            return say("Mend the channel's settings and restart: what waits leaves by itself then.")
