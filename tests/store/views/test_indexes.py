"""Every read made for people is served by an index: SQLite is asked how it would go about each."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, event

from evsys.core.work import Work
from evsys.store.connections import open_to_read
from evsys.store.inline import InlineStore
from evsys.store.views import (
    alarms,
    certificates,
    commands,
    credentials,
    events,
    jobs,
    keys,
    local_lists,
    network,
    people,
    quarantine,
    queue,
    quirks,
    reach,
    reservations,
    series,
    stations,
    tokens,
    transactions,
    upgrades,
)
from evsys.store.views.alarms import AlarmFilter
from evsys.store.views.events import EventFilter
from evsys.store.views.paging import to_cursor
from evsys.store.views.reader import Reader
from evsys.store.views.reservations import ReservationFilter
from evsys.store.views.transactions import TransactionFilter
from kit.clock import NOON
from kit.database import new_database
from kit.samples import station

SMALL = ("SCAN stations", "SCAN tokens", "SCAN station_status", "SCAN connector_status")
"""Tables of a row per station, connector or token, which the metrics and removals read whole."""

SEEN = ("SCAN anon_1",)
"""The few events that a page looks at."""

FILTERS = [
    TransactionFilter(),
    TransactionFilter(station_id="CP1"),
    TransactionFilter(token="CARD"),
    TransactionFilter(station_id="CP1", token="CARD", open=False, since=NOON, until=NOON),
    TransactionFilter(open=True),
    TransactionFilter(open=True, station_id="CP1"),
    TransactionFilter(open=False),
    TransactionFilter(since=NOON, until=NOON + timedelta(days=1)),
]


def cursor(which: TransactionFilter) -> str:
    return to_cursor("transactions " + msgspec.json.encode(which).decode(), (0, "x"))


ALARMS = "alarms " + msgspec.json.encode(AlarmFilter()).decode()

Query = Callable[[Connection], object]
HERE = ("yard",)
PAGES: list[tuple[Query, tuple[str, ...]]] = [
    (partial(reach.stations_at, within=HERE), ()),
    (partial(reach.stands_at, station_id="x", within=HERE), ()),
    (partial(stations.stations_page, limit=10, within=HERE), ()),
    (partial(stations.counts, within=HERE), SMALL),
    (partial(transactions.transactions_page, which=TransactionFilter(within=HERE), limit=10), ()),
    (partial(network.locations_page, limit=10, within=HERE), ()),
    (partial(events.events_after, after=0, which=EventFilter(within=HERE), limit=10), SEEN),
    (partial(people.identity, user_id="x"), ()),
    (partial(people.session, digest="x"), ()),
    (partial(people.sessions_of, user_id="x"), ()),
    (partial(people.sessions_over, now=NOON), ()),
    (partial(people.link, digest="x"), ()),
    (partial(people.links_of, user_id="x"), ()),
    (partial(people.belongings, user_id="x"), ("SCAN api_keys",)),
    (partial(people.another_admin, user_id="x"), ()),
    (people.anybody_can_sign_in, ()),
    (partial(people.people_page, limit=10, staff=True), ()),
    *((partial(transactions.transactions_page, which=each, limit=10), ()) for each in FILTERS),
    *(
        (partial(transactions.transactions_page, which=each, limit=10, cursor=cursor(each)), ())
        for each in FILTERS
    ),
    (partial(transactions.transaction, transaction_id="x"), ()),
    (partial(transactions.meter_values_page, transaction_id="x", limit=10), ()),
    (
        partial(
            transactions.meter_values_page,
            transaction_id="x",
            limit=10,
            cursor=to_cursor("meter_values x", (1,)),
        ),
        (),
    ),
    (partial(stations.station, station_id="x"), ()),
    (partial(stations.stations_page, limit=10), ()),
    (partial(stations.stations_page, limit=10, cursor=to_cursor("stations", ("A",))), ()),
    (partial(stations.stations_page, limit=10, search="x", connected=True), ()),
    (partial(stations.stations_page, limit=10, connected=False), ()),
    (stations.counts, ()),
    (partial(network.locations_page, limit=10), ()),
    (partial(network.locations_page, limit=10, cursor=to_cursor("locations", ("x",))), ()),
    (partial(network.users_page, limit=10), ()),
    (partial(network.users_page, limit=10, cursor=to_cursor("users", ("x",))), ()),
    (partial(network.station_at, location_id="x"), SMALL),
    (partial(network.token_of, user_id="x"), SMALL),
    (partial(tokens.tokens_page, limit=10, user_id="x"), ()),
    (partial(quarantine.knock, station_id="x"), ()),
    (partial(quirks.quirks_of, station_id="x"), ()),
    (partial(stations.statuses_of, ids=["x", "y"]), ()),
    (partial(stations.connectors_of, ids=["x", "y"]), ()),
    (partial(stations.open_transactions_of, ids=["x", "y"]), ()),
    (partial(stations.last_seen_of, ids=["x", "y"]), ()),
    (partial(tokens.token, token_id="x"), ()),
    (partial(tokens.tokens_page, limit=10), ()),
    (partial(tokens.tokens_page, limit=10, cursor=to_cursor("tokens", ("x",))), ()),
    (partial(quarantine.quarantine_page, station_id="", resolved=None, limit=10), ()),
    (partial(quarantine.quarantine_page, station_id="CP1", resolved=False, limit=10), ()),
    (partial(quarantine.knocks_page, limit=10), ()),
    (partial(quarantine.knocks_page, limit=10, cursor=to_cursor("knocks", (1, "x"))), ()),
    (partial(events.events_after, after=1, which=EventFilter(), limit=10), SEEN),
    (partial(events.events_after, after=1, which=EventFilter(station_id="x"), limit=10), SEEN),
    (partial(events.events_after, after=1, which=EventFilter(kinds=("x",), hidden=("y",)), limit=10), SEEN),
    (partial(events.events_after, after=1, which=EventFilter(kinds=("x", "y")), limit=10), SEEN),
    (partial(events.cursor, name="x"), ()),
    (partial(events.events_of, after=0, kinds=("x", "y"), limit=10), ()),
    (partial(events.event, seq=1), ()),
    (partial(events.deferred, consumer="x"), ()),
    (jobs.has_unfinished, ()),
    (partial(reservations.by_number, station_id="x", number=1), ()),
    (partial(reservations.last_number, station_id="x"), ()),
    (partial(reservations.expired, now=NOON), ()),
    (partial(reservations.reservations_page, which=ReservationFilter(), limit=10), ()),
    (
        partial(
            reservations.reservations_page,
            which=ReservationFilter(station_id="x", token="T", status="ACTIVE"),
            limit=10,
            cursor=to_cursor("reservations x T ACTIVE ()", (1, "x")),
        ),
        (),
    ),
    (partial(stations.open_reservations_of, ids=["x", "y"]), ()),
    (partial(local_lists.listed, ids=["x", "y"]), ()),
    (partial(local_lists.connected_with_list, by_default=True), SMALL),
    (partial(local_lists.tokens_after, after="x"), ()),
    (partial(local_lists.content, digest="x"), ()),
    (local_lists.orphans, ("SCAN local_list_contents",)),
    (partial(queue.queued_command, command_id="x"), ()),
    (partial(queue.last_number, station_id="x"), ()),
    (partial(queue.waiting, station_id="x"), ()),
    (partial(queue.first_waiting, station_id="x"), ()),
    (partial(queue.expired, now=NOON), ()),
    (queue.connected_with_queue, ()),
    (partial(queue.queue_page, station_id="x", limit=10), ()),
    (partial(queue.queue_page, station_id="x", limit=10, cursor=to_cursor("queue x", (1,))), ()),
    (partial(commands.command, command_id="x"), ()),
    (partial(commands.commands_page, station_id="x", limit=10), ()),
    (
        partial(commands.commands_page, station_id="x", limit=10, cursor=to_cursor("commands x", (1, "x"))),
        (),
    ),
    (partial(keys.key_by_digest, digest="x"), ()),
    (partial(keys.key, key_id="x"), ()),
    (partial(credentials.credentials, station_id="x"), ()),
    (partial(credentials.station_named, certificate_name="x"), ("SCAN station_security",)),
    (partial(certificates.certificate, serial="x"), ()),
    (partial(upgrades.of_station, station_id="x"), ()),
    (upgrades.under_way, ()),
    (partial(alarms.known, keys=[("x", "no_energy", "z")]), ()),
    (alarms.keys, ("SCAN alarm_watches", "SCAN alarms USING")),
    (partial(alarms.due, now=NOON, limit=10), ()),
    (alarms.rules, ("SCAN alarm_rules",)),
    (partial(alarms.presence, station_id="x"), ()),
    (alarms.open_by_severity, ()),
    (partial(alarms.alarm, alarm_id="x"), ()),
    (partial(alarms.alarms_page, limit=10), ()),
    (partial(alarms.alarms_page, limit=10, which=AlarmFilter(station_id="x", acknowledged=False)), ()),
    (partial(alarms.alarms_page, limit=10, which=AlarmFilter(state="open", severity="critical")), ()),
    (partial(alarms.alarms_page, limit=10, which=AlarmFilter(), cursor=to_cursor(ALARMS, (1, "x"))), ()),
    (partial(certificates.of_station, station_id="x"), ()),
    (partial(certificates.of_request, station_id="x", digest="y"), ()),
    (partial(certificates.ending, now=NOON, limit=10), ()),
    (series.locations_of_stations, SMALL),
    (series.connected_stations, SMALL),
    (series.connectors, SMALL),
    (series.power_of_open_transactions, ()),
    (series.last_seq, ()),
    (partial(series.seq_before, moment=NOON), ()),
    (partial(series.events_between, after=1, last=2, kinds=("A", "B")), ()),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_database(tmp_path_factory.mktemp("views"))
    store = InlineStore(path)
    work = Work(NOON)
    work.add(station())
    store.submit(work, lambda _: None)
    store.flush()
    store.crash()
    return path


def plan_of(database: Path, query: Query) -> list[str]:
    """The steps that SQLite would take for the statements of a query."""
    statements: list[tuple[str, object]] = []

    def remember(*arguments: object) -> None:
        statements.append((str(arguments[2]), arguments[3]))

    reader = Reader(database)
    event.listen(reader._engine, "before_cursor_execute", remember)
    reader.read_here(query)
    reader.close()
    assert statements
    with closing(open_to_read(database)) as connection:
        return [
            str(row[3])
            for statement, parameters in statements
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        ]


@pytest.mark.parametrize(("query", "allowed"), PAGES, ids=range(len(PAGES)))
def test_a_read_made_for_people_is_served_by_an_index(
    database: Path, query: Query, allowed: tuple[str, ...]
) -> None:
    for step in plan_of(database, query):
        if step in allowed:
            continue
        scan = step.startswith("SCAN") and "USING" not in step and "CONSTANT ROW" not in step
        assert not scan, step


@pytest.mark.parametrize("which", [each for each in FILTERS if not each.open])
def test_a_page_of_transactions_is_read_in_its_order_without_sorting(
    database: Path, which: TransactionFilter
) -> None:
    query = partial(transactions.transactions_page, which=which, limit=10, cursor=cursor(which))
    assert not any("TEMP B-TREE" in step for step in plan_of(database, query))
