"""What the bot on Telegram answers to a command or a tap of a chat that was let in."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from html import escape
from typing import Final, NamedTuple

from evsys.bots.telegram_texts import said
from evsys.core.access import Action as Right
from evsys.core.commands import RequestStopTransaction, Reset, SentCommand, UnlockConnector
from evsys.core.errors import (
    AlreadyExists,
    BadCommand,
    EvsysError,
    NotAllowed,
    NotConfigured,
    NotFound,
    StaleVersion,
    StoreUnavailable,
)
from evsys.core.records import Language, TelegramChat
from evsys.notify.notifier import Action
from evsys.notify.telegram import MAX_TEXT, Button, buttons_of, shortened
from evsys.office.chats import person_of
from evsys.office.office import Office
from evsys.store.views import alarms, series, stations, transactions
from evsys.store.views.alarms import AlarmFilter
from evsys.store.views.stations import StationView
from evsys.store.views.transactions import TransactionFilter

SHOWN: Final = 20
"""Stations, sessions or alarms in one answer."""
CONFIRM_WITHIN_S: Final = 60.0
MAX_CONFIRMATIONS: Final = 1000
"""First taps that wait for a second one."""
MAX_KINDS: Final = 50
LONGEST_MUTE: Final = timedelta(days=30)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})\s*([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
ANSWER_S: Final = 30.0
"""How long a station may take."""


class Answer(NamedTuple):
    """A text, the buttons below it, and what is to be done after it was sent: that has an answer too."""

    text: str
    buttons: Sequence[Button] = ()
    then: Callable[[], Awaitable["Answer"]] | None = None

    @property
    def html(self) -> str:
        return escape(shortened(self.text, MAX_TEXT), quote=False)


class _Order(NamedTuple):
    """What a button asks for."""

    what: str
    station_id: str
    command: SentCommand


class Answers:
    """See the module."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._first_taps: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def to(self, chat: TelegramChat, command: str, rest: str) -> Answer:
        """The answer to a command with what is written behind it."""
        try:
            match command:
                case "/help" | "/start":
                    return Answer(said(chat.language, "help"))
                case "/status":
                    return await self._status(chat.language)
                case "/stations":
                    return await self._stations(chat.language, rest)
                case "/station":
                    return await self._station(chat, rest)
                case "/sessions":
                    return await self._sessions(chat.language)
                case "/alarms":
                    return await self._alarms(chat)
                case "/subscribe" | "/unsubscribe":
                    return await self._subscribe(chat, rest.split()[:MAX_KINDS], command == "/subscribe")
                case "/mute":
                    return await self._mute(chat, rest)
                case _:
                    return Answer(said(chat.language, "unknown"))
        except StoreUnavailable:
            return Answer(said(chat.language, "trouble"))

    async def _subscribe(self, chat: TelegramChat, kinds: list[str], wanted: bool) -> Answer:
        try:
            if wanted and not kinds:
                heard = await self._office.chats.heard_kinds(chat)
            else:
                heard = await self._office.chats.hear(chat, kinds, wanted)
        except (BadCommand, NotAllowed, NotConfigured, StaleVersion) as error:
            return Answer(said(chat.language, "failed", reason=str(error)))
        if not heard:
            return Answer(said(chat.language, "hears_nothing"))
        return Answer(said(chat.language, "hears", kinds=", ".join(heard)))

    async def _mute(self, chat: TelegramChat, rest: str) -> Answer:
        found = _DURATION.fullmatch(rest.lower())
        if found is None:
            return Answer(said(chat.language, "how_long"))
        until = self._office.clock.now() + min(int(found[1]) * _UNITS[found[2]], LONGEST_MUTE)
        if not await self._office.chats.mute(chat, until):
            return Answer(said(chat.language, "hears_nothing"))
        return Answer(said(chat.language, "muted", time=_time(until)))

    async def _status(self, language: Language) -> Answer:
        reader = self._office.reader
        counts = await reader.read(stations.counts)
        connected = await reader.read(series.connected_stations)
        query = partial(alarms.alarms_page, limit=1000, which=AlarmFilter(state="raised"))
        opened, _ = await reader.read(query)
        text = said(
            language,
            "status",
            connected=len(connected),
            stations=counts.stations,
            sessions=counts.open_transactions,
            alarms=len(opened),
        )
        return Answer(text)

    async def _stations(self, language: Language, search: str) -> Answer:
        query = partial(stations.stations_page, limit=SHOWN, search=search[:100])
        page, following = await self._office.reader.read(query)
        lines = ["\n".join(_lines(view, language)) for view in page]
        return Answer(_listed(lines, following, language, "no_stations"))

    async def _station(self, chat: TelegramChat, station_id: str) -> Answer:
        language = chat.language
        if not station_id:
            return Answer(said(language, "which"))
        view = await self._office.reader.read(partial(stations.station, station_id=station_id))
        if view is None:
            return Answer(said(language, "no_station", station=station_id[:100]))
        buttons = self._buttons(view, language) if self._may(chat, "station.command") else []
        return Answer("\n".join(_lines(view, language)), buttons)

    def _buttons(self, view: StationView, language: Language) -> list[Button]:
        found = [Action(kind="reset", label=said(language, "reset_label"), station_id=view.id)]
        for each in view.open_transactions[:SHOWN]:
            label = said(language, "stop_label", evse=each.evse_id)
            found.append(Action(kind="stop", label=label, transaction_id=each.id))
        for connector in view.connectors[:SHOWN]:
            if connector.evse_id:
                label = said(language, "unlock_label", evse=connector.evse_id)
                found.append(
                    Action(
                        kind="unlock",
                        label=label,
                        station_id=view.id,
                        evse_id=connector.evse_id,
                        connector_id=connector.connector_id,
                    )
                )
        return buttons_of(found)

    async def _sessions(self, language: Language) -> Answer:
        query = partial(transactions.transactions_page, which=TransactionFilter(open=True), limit=SHOWN)
        page, following = await self._office.reader.read(query)
        lines = [
            f"{each.station_id} · {each.evse_id} · {said(language, 'since', time=_time(each.started_at))}"
            f" · {(each.energy_wh or 0) / 1000:.2f} kWh"
            for each in page
        ]
        return Answer(_listed(lines, following, language, "no_sessions"))

    async def _alarms(self, chat: TelegramChat) -> Answer:
        language = chat.language
        query = partial(alarms.alarms_page, limit=SHOWN, which=AlarmFilter(state="raised"))
        page, following = await self._office.reader.read(query)
        lines, actions = [], []
        for number, alarm in enumerate(page, 1):
            what = " ".join(each for each in (alarm.station_id, alarm.kind, alarm.name) if each)
            lines.append(
                f"{number}. {what} · {_time(alarm.last_at)} · {alarm.count}×\n{alarm.detail}".strip()
            )
            label = f"{said(language, 'seen_label')} {number}"
            actions.append(Action(kind="acknowledge", label=label, alarm_id=alarm.id))
        text = _listed(lines, following, language, "no_alarms")
        return Answer(text, buttons_of(actions) if self._may(chat, "alarm.edit") else ())

    # -- taps

    async def tapped(self, chat: TelegramChat, data: str, own: bool) -> Answer:
        """The answer to a tap on a button. `own`: whether it was the person whose chat it is."""
        letter, _, told = data.partition(":")
        right: Right = "alarm.edit" if letter == "a" else "station.command"
        if not own or not self._may(chat, right):
            return Answer(said(chat.language, "may_not"))
        try:
            if letter == "a":
                return await self._acknowledge(chat, told)
            order = await self._order(chat.language, letter.lower(), told)
        except StoreUnavailable:
            return Answer(said(chat.language, "trouble"))
        if order is None:
            return Answer(said(chat.language, "gone"))
        if not letter.isupper():
            return self._ask_again(chat, order, f"{letter.upper()}:{told}")
        return self._second_tap(chat, order, data)

    def _ask_again(self, chat: TelegramChat, order: _Order, data: str) -> Answer:
        self._first_taps[(chat.id, data)] = asyncio.get_running_loop().time()
        if len(self._first_taps) > MAX_CONFIRMATIONS:
            self._first_taps.popitem(last=False)
        question = said(chat.language, "confirm", what=order.what)
        return Answer(question, [Button(said(chat.language, "yes"), data)])

    def _second_tap(self, chat: TelegramChat, order: _Order, data: str) -> Answer:
        asked_s = self._first_taps.pop((chat.id, data), None)
        if asked_s is None or asyncio.get_running_loop().time() - asked_s > CONFIRM_WITHIN_S:
            return Answer(said(chat.language, "expired"))
        text = said(chat.language, "sent", station=order.station_id)
        return Answer(text, then=partial(self._do, chat, order))

    async def _do(self, chat: TelegramChat, order: _Order) -> Answer:
        """Send the command, in the name of the chat; what came of it."""
        try:
            by = person_of(chat).name
            outcome = await self._office.commands.send(order.station_id, order.command, by, ANSWER_S)
        except EvsysError as error:
            return Answer(said(chat.language, "failed", reason=str(error)))
        status = outcome.status or ("Accepted" if outcome.accepted else "Rejected")
        return Answer(said(chat.language, "accepted", station=order.station_id, status=status))

    async def _acknowledge(self, chat: TelegramChat, alarm_id: str) -> Answer:
        by = person_of(chat).name
        try:
            await self._office.alarms.acknowledge(alarm_id, by)
        except AlreadyExists as error:
            return Answer(str(error))
        except NotFound:
            return Answer(said(chat.language, "gone"))
        return Answer(said(chat.language, "seen", who=chat.name or by))

    async def _order(self, language: Language, letter: str, told: str) -> _Order | None:
        """What a button asks for; None where there is nothing (any more) to do it to."""
        match letter:
            case "r":
                return _Order(said(language, "reset", station=told), told, Reset())
            case "u":
                evse, _, rest = told.partition(".")
                connector, _, station_id = rest.partition(".")
                if not (evse.isdecimal() and connector.isdecimal() and int(evse) and int(connector)):
                    return None
                command = UnlockConnector(evse_id=int(evse), connector_id=int(connector))
                return _Order(said(language, "unlock", evse=evse, station=station_id), station_id, command)
            case "s":
                query = partial(transactions.transaction, transaction_id=told)
                found = await self._office.reader.read(query)
                if found is None or found.ended_at is not None:
                    return None
                place = f"{found.station_id} · {found.evse_id}"
                stop = RequestStopTransaction(transaction_id=found.id)
                return _Order(said(language, "stop", place=place), found.station_id, stop)
            case _:
                return None

    def _may(self, chat: TelegramChat, right: Right) -> bool:
        return person_of(chat).may(right)


def _lines(view: StationView, language: Language) -> list[str]:
    """A station in lines."""
    status = view.status
    connected = status is not None and status.connected
    word = said(language, "connected" if connected else "offline")
    since = None if status is None else status.connected_at if connected else status.disconnected_at
    told = f" {said(language, 'since', time=_time(since))}" if since is not None else ""
    title = f" ({view.title})" if view.title else ""
    lines = [f"{view.id}{title}: {word}{told}"]
    for each in view.connectors:
        error = f" ({each.error_code} {each.info})".replace(" )", ")") if each.error_code != "NoError" else ""
        lines.append(f"   {each.evse_id}: {each.status}{error} · {_time(each.received_at)}")
    return lines


def _listed(lines: Sequence[str], following: str | None, language: Language, none: str) -> str:
    if not lines:
        return said(language, none)
    return "\n".join([*lines, *([said(language, "more")] if following else [])])


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
