"""What events are signals of."""

from datetime import datetime, timedelta

import msgspec
import pytest

from evsys.core.events import (
    STOPPING,
    AuthorizationAnswered,
    CertificateEnding,
    CertificateIssued,
    ConnectorStatusChanged,
    Event,
    EventSetAside,
    StationConnected,
    StationDisconnected,
    TransactionEnded,
    TransactionStarted,
)
from evsys.core.records import ConnectorStatus, Transaction
from evsys.core.signals import signals
from kit.clock import NOON


def of(event: Event, at: datetime = NOON) -> list[tuple[str, str, str]]:
    found = signals(event, at, 300)
    assert msgspec.json.encode([each.facts for each in found])
    return [(each.kind, each.name, each.sort) for each in found]


def connector(status: str, error_code: str = "NoError", **members: object) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        connector=ConnectorStatus(
            station_id="CP1",
            evse_id=2,
            connector_id=1,
            status=status,
            error_code=error_code,
            received_at=NOON,
            **members,  # type: ignore[arg-type]
        )
    )


def transaction(**members: object) -> Transaction:
    return Transaction(
        **{
            "id": "7",
            "station_id": "CP1",
            "evse_id": 1,
            "connector_id": 1,
            "authorization": "Accepted",
            "started_at": NOON,
            "start_received_at": NOON,
            "meter_start_wh": 0,
            **members,
        }  # type: ignore[arg-type]
    )


def test_a_connection_that_ends_is_ours_where_we_stopped() -> None:
    lost = signals(StationDisconnected(station_id="CP1", reason="gone"), NOON, 300)
    stopped = signals(StationDisconnected(station_id="CP1", reason=STOPPING), NOON, 300)
    assert [each.is_ours for each in lost + stopped] == [False, True]
    back = StationConnected(station_id="CP1", address="a", protocol="ocpp1.6", epoch=1)
    assert of(back) == [("station_offline", "", "ends")]


def test_a_faulted_connector_says_its_codes() -> None:
    event = connector("Faulted", "GroundFailure", vendor_error_code="0x2A", info="leak")
    (signal,) = signals(event, NOON, 300)
    assert (signal.name, signal.detail) == ("2-1", "GroundFailure 0x2A leak")
    assert signal.facts["vendor_error_code"] == "0x2A"
    assert of(connector("Available")) == [("connector_faulted", "2-1", "ends")]


@pytest.mark.parametrize(("off_s", "sort"), [(301, "holds"), (-301, "holds"), (10, "ends")])
def test_a_clock_that_is_off_is_seen_by_what_it_says(off_s: int, sort: str) -> None:
    event = connector("Available", reported_at=NOON + timedelta(seconds=off_s))
    assert of(event)[1:] == [("clock_off", "", sort)]


def test_a_session_is_watched_from_its_start_to_its_end() -> None:
    start = of(TransactionStarted(transaction=transaction(authorization="Invalid")))
    assert start == [
        ("no_energy", "7", "holds"),
        ("meter_silent", "7", "holds"),
        ("authorization_refused", "", "happens"),
    ]
    over = transaction(ended_by="sweep", ended_at=NOON, flags=("negative_meter",))
    assert of(TransactionEnded(transaction=over)) == [
        ("no_energy", "7", "ends"),
        ("meter_silent", "7", "ends"),
        ("session_abandoned", "", "happens"),
        ("meter_backwards", "1", "happens"),
    ]


def test_other_events_are_what_they_are() -> None:
    refused = AuthorizationAnswered(station_id="CP1", id_token="T", status="Invalid")
    assert of(refused) == [("authorization_refused", "", "happens")]
    assert of(AuthorizationAnswered(station_id="CP1", id_token="T", status="Accepted")) == []
    ending = CertificateEnding(station_id="CP1", serial="ab", valid_until=NOON, days=7)
    assert of(ending) == [("certificate_ends", "ab", "holds")]
    issued = CertificateIssued(station_id="CP1", serial="ac", name="n", valid_until=NOON)
    assert of(issued) == [("certificate_ends", "*", "ends")]
    aside = EventSetAside(consumer="c", seq=1, event_kind="k", tries=3, reason="r")
    assert of(aside) == [("event_set_aside", "c", "happens")]
