"""The texts: what each event is told as, in each language, and what values from outside cannot do."""

from typing import get_args

import pytest

from core.test_events import OF_A_STATION, OF_NO_STATION
from evsys.core.events import Event, LoggedEvent, StationBooted, StationDisconnected, station_of
from evsys.core.records import Language, Location, Station
from evsys.notify import text
from evsys.notify.speech import MAX_VALUE, Speaker
from evsys.store.views.notices import Place
from kit.clock import NOON

EVERY = OF_A_STATION + OF_NO_STATION
LANGUAGES: tuple[Language, ...] = get_args(Language)


def told(event: Event, language: Language = "en", place: Place | None = None) -> text.Wording:
    logged = LoggedEvent(seq=1, at=NOON, station_id=station_of(event), event=event)
    return text.of_event(logged, place, language, "Europe/Madrid")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", EVERY, ids=lambda each: type(each).__name__)
def test_every_event_has_words(event: Event, language: Language) -> None:
    wording = told(event, language)
    assert wording.subject
    assert "\n" not in wording.subject
    assert "{" not in wording.subject + wording.text
    page = text.html(wording, language)
    assert f'<html lang="{language}">' in page


def test_a_message_says_what_where_since_when_and_what_to_do() -> None:
    place = Place(
        Station(id="CP1", title="Gate", location_id="yard", created_at=NOON),
        Location(
            id="yard", name="The yard", address="Main St 1", time_zone="America/New_York", created_at=NOON
        ),
    )
    wording = told(StationDisconnected(station_id="CP1", reason="r"), place=place)
    assert wording.subject == "Gate (CP1): disconnected"
    assert wording.text.split("\n") == [
        "Gate (CP1) is no longer connected: r.",
        "Where: Gate (CP1), The yard, Main St 1",
        "Since: 1 Jun 2026 08:00 (America/New_York)",
        "What to do: Most stations come back by themselves. If not: look at its power and its network.",
    ]
    assert told(StationDisconnected(station_id="CP1", reason="r"), "es").subject == "CP1: desconectada"


def test_a_value_from_outside_is_one_line_of_limited_length_and_no_template() -> None:
    booted = StationBooted(
        station_id="CP1", status="Accepted", vendor="{name.__class__}\r\n\x1b[31m", model="x" * 10_000
    )
    what = told(booted).what
    assert "\n" not in what
    assert "\x1b" not in what
    assert "{name.__class__}" in what
    assert len(what) < 3 * MAX_VALUE


def test_numbers_are_written_as_people_of_the_language_do() -> None:
    assert Speaker("en").energy(1_234_567) == "1,234.57 kWh"
    assert Speaker("es").energy(12_345_678) == "12.345,68 kWh"
    assert Speaker("es").plural("{number} session", "{number} sessions", 1) == "1 sesión"
    assert Speaker("en", "Mars/Olympus").time(NOON) == "1 Jun 2026 12:00 (UTC)"
    assert (Speaker("en").duration(59), Speaker("en").duration(7500)) == ("1 min", "2 h 5 min")
