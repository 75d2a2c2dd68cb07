"""Single rows and short lists, read synchronously: what the stations' tower asks of the database.

Each is one statement that an index serves, a matter of microseconds, so it is run inline on the loop. What
people read is in `views/`."""

import sqlite3
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from evsys.core import records
from evsys.core.credentials import Credentials
from evsys.core.events import PEOPLE_KINDS, Event, LoggedEvent
from evsys.core.facts import StartFact, TokenFact, TransactionFact
from evsys.core.records import Record, StationKey, StationProof, StationSecurity, Token, Transaction
from evsys.store.cells import moment
from evsys.store.compiled import TABLES
from evsys.store.rows import from_row

R = TypeVar("R", bound=Record)

_decode_event: Final = msgspec.json.Decoder(Event).decode


def select_sql(kind: type[Record]) -> str:
    """`SELECT` of a record's columns in the order of its fields, ready for a WHERE."""
    table = TABLES[kind]
    return f"SELECT {', '.join(table.columns)} FROM {table.name}"


_TOKEN: Final = f"{select_sql(Token)} WHERE id = ?"
_BY_NUMBER: Final = f"{select_sql(Transaction)} WHERE number = ? AND station_id = ?"
_BY_START: Final = f"{select_sql(Transaction)} WHERE start_key = ?"
_STATIONS: Final = f"{select_sql(records.Station)} ORDER BY id"
_SECURITY: Final = select_sql(StationSecurity)
_KEYS: Final = select_sql(StationKey)
_PROOFS: Final = select_sql(StationProof)
_REVOKED: Final = "SELECT serial FROM station_certificates WHERE revoked_at IS NOT NULL"
_LEFT: Final = """
    SELECT station_id FROM transactions WHERE ended_at IS NULL
    UNION SELECT station_id FROM station_status WHERE connected
    ORDER BY station_id"""
_OPEN_USES: Final = """
    SELECT id_token_canonical, id FROM transactions
    WHERE ended_at IS NULL AND authorization = 'Accepted' AND id_token_canonical <> ''"""
_PEOPLE_EVENTS: Final = f"""
    SELECT seq, at, station_id, transaction_id, payload FROM events
    WHERE kind IN ({", ".join(f"'{kind}'" for kind in PEOPLE_KINDS)}) AND seq > ?
    ORDER BY seq LIMIT ?"""
_LAST_SEQ: Final = "SELECT coalesce(max(seq), 0) FROM events"


def one(connection: sqlite3.Connection, kind: type[R], sql: str, *parameters: object) -> R | None:
    """The record of the first row of a `select_sql` query."""
    found = connection.execute(sql, parameters).fetchone()
    return from_row(kind, found) if found is not None else None


def many(connection: sqlite3.Connection, kind: type[R], sql: str, *parameters: object) -> list[R]:
    """The records of all rows of a `select_sql` query."""
    return [from_row(kind, row) for row in connection.execute(sql, parameters)]


def fact(
    connection: sqlite3.Connection, wanted: TokenFact | TransactionFact | StartFact
) -> Token | Transaction | None:
    """A fact that is a row. Numbers are not: they are leased from the writer."""
    match wanted:
        case TokenFact():
            return one(connection, Token, _TOKEN, wanted.id)
        case TransactionFact():
            return one(connection, Transaction, _BY_NUMBER, wanted.number, wanted.station_id)
        case StartFact():
            return one(connection, Transaction, _BY_START, wanted.start_key)


def stations(connection: sqlite3.Connection) -> list[records.Station]:
    return many(connection, records.Station, _STATIONS)


def credentials(connection: sqlite3.Connection, station_id: str) -> list[Credentials]:
    """How stations prove who they are: one station, or all (an empty id) of which anything is known."""
    where, of = (" WHERE station_id = ?", (station_id,)) if station_id else ("", ())
    security = {each.station_id: each for each in many(connection, StationSecurity, _SECURITY + where, *of)}
    keys: dict[str, list[StationKey]] = {}
    for key in many(connection, StationKey, _KEYS + where, *of):
        keys.setdefault(key.station_id, []).append(key)
    proofs = {each.station_id: each for each in many(connection, StationProof, _PROOFS + where, *of)}
    return [
        Credentials(
            security=security.get(name) or StationSecurity(station_id=name, version=0),
            keys=tuple(keys.get(name, ())),
            proof=proofs.get(name),
        )
        for name in security.keys() | keys.keys() | proofs.keys()
    ]


def revoked_certificates(connection: sqlite3.Connection) -> list[str]:
    return [str(serial) for (serial,) in connection.execute(_REVOKED)]


def stations_to_look_after(connection: sqlite3.Connection) -> list[str]:
    return [str(station_id) for (station_id,) in connection.execute(_LEFT)]


def open_uses(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    uses: dict[str, set[str]] = {}
    for token_id, transaction_id in connection.execute(_OPEN_USES):
        uses.setdefault(token_id, set()).add(transaction_id)
    return {token_id: frozenset(ids) for token_id, ids in uses.items()}


def people_events(connection: sqlite3.Connection, after: int, limit: int) -> list[LoggedEvent]:
    return [logged(row) for row in connection.execute(_PEOPLE_EVENTS, (after, limit))]


def logged(row: Sequence[object]) -> LoggedEvent:
    """An event of a row of `seq, at, station_id, transaction_id, payload` as SQLite gives it."""
    seq, at, station_id, transaction_id, payload = row
    return LoggedEvent(
        seq=int(str(seq)),
        at=moment(int(str(at))),
        station_id=str(station_id),
        transaction_id=str(transaction_id),
        event=_decode_event(str(payload)),
    )


def last_seq(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_LAST_SEQ).fetchone()[0])
