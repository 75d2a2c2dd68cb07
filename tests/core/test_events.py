"""The events: what each belongs to, and that each can be read again."""

from typing import get_args

import msgspec
import pytest
from msgspec import Raw

from evsys.core import events, records
from evsys.core.events import Event, LoggedEvent, station_of, transaction_of
from kit.clock import NOON
from kit.samples import assignment, job, library_profile, stored_file, subscription

STATION = records.Station(id="CP1", created_at=NOON)
TRANSACTION = records.Transaction(
    id="7",
    number=7,
    station_id="CP1",
    evse_id=1,
    connector_id=1,
    authorization="Accepted",
    started_at=NOON,
    start_received_at=NOON,
    meter_start_wh=0,
)
KEY = records.ApiKey(id="k", name="n", role="viewer", created_at=NOON)
HELD = records.Quarantined(
    id="q", station_id="CP1", kind="stop", received_at=NOON, reason="r", payload=Raw(b"{}")
)
CONNECTOR = records.ConnectorStatus(
    station_id="CP1", evse_id=1, connector_id=1, status="Available", received_at=NOON
)
TOKEN = records.Token(id="T", created_at=NOON)
USER = records.User(id="u", created_at=NOON)
TEMPLATE = records.ConfigurationTemplate(id="t", configuration=Raw(b"{}"), created_at=NOON)
CAMPAIGN = records.Campaign(id="c", kind="firmware", stations=1, concurrency=1, created_at=NOON)
LOCATION = records.Location(id="l", created_at=NOON)

ALARM = records.Alarm(
    id="a",
    station_id="CP1",
    kind="security_event",
    name="n",
    severity="warning",
    facts=Raw(b"{}"),
    raised_at=NOON,
    last_at=NOON,
    last_seq=1,
    told_at=NOON,
)

OF_A_STATION = [
    events.FileStored(file=stored_file(station_id="CP1"), by="b"),
    events.JobChanged(job=job(station_id="CP1"), by="b"),
    events.StationRegistered(station=STATION),
    events.StationChanged(station=STATION),
    events.StationRemoved(station_id="CP1"),
    events.StationSecurityChanged(station_id="CP1", by="b"),
    events.SecurityUpgradeChanged(station_id="CP1", upgrade_id="u", profile=1, state="done"),
    events.AlarmRaised(alarm=ALARM),
    events.AlarmRepeated(alarm=ALARM),
    events.AlarmFlapping(alarm=ALARM),
    events.AlarmSettled(alarm=ALARM),
    events.AlarmAcknowledged(alarm=ALARM, by="b"),
    events.AlarmCleared(alarm=ALARM, by="b"),
    events.AlarmRuleChanged(rule=records.AlarmRule(kind="no_energy", station_id="CP1"), by="b"),
    events.CertificateIssued(station_id="CP1", serial="a", name="n", valid_until=NOON),
    events.CertificateRefused(station_id="CP1", reason="r"),
    events.CertificateEnding(station_id="CP1", serial="a", valid_until=NOON, days=7),
    events.CertificateRevoked(station_id="CP1", serial="a"),
    events.ConnectionRefused(station_id="CP1", reason="wrong password", address="a"),
    events.StationConnected(station_id="CP1", address="a", protocol="ocpp1.6", epoch=1),
    events.StationDisconnected(station_id="CP1", reason="r"),
    events.StationBooted(station_id="CP1", status="Accepted", vendor="v", model="m"),
    events.ConnectorStatusChanged(connector=CONNECTOR),
    events.TransactionStarted(transaction=TRANSACTION),
    events.TransactionEnded(transaction=TRANSACTION),
    events.TransactionCorrected(transaction=TRANSACTION, reason="r"),
    events.AuthorizationAnswered(station_id="CP1", id_token="t", status="Accepted"),
    events.MessageQuarantined(quarantined=HELD),
    events.FirmwareStatusChanged(station_id="CP1", status="s"),
    events.DiagnosticsStatusChanged(station_id="CP1", status="s"),
    events.SecurityEventReported(station_id="CP1", type="t", reported_at=NOON),
    events.CertificateRequested(station_id="CP1", csr="c"),
    events.DataTransferReceived(station_id="CP1", vendor_id="v"),
    events.CommandSent(command_id="c", station_id="CP1", type="Reset", request=Raw(b"{}"), by="b"),
    events.CommandFinished(command_id="c", station_id="CP1", type="Reset"),
    events.CommandQueued(
        command_id="c", station_id="CP1", type="Reset", request=Raw(b"{}"), by="b", expires_at=NOON
    ),
    events.ReservationChanged(
        reservation=records.Reservation(
            id="r", station_id="CP1", number=1, id_token="T", created_at=NOON, expires_at=NOON
        )
    ),
    events.LocalListChanged(station_id="CP1", state="SYNCED", list_version=3),
    events.ChargingProfileAssigned(assignment=assignment("CP1")),
    events.ChargingProfileUnassigned(assignment=assignment("CP1"), by="b"),
    events.ChargingProfileTold(station_id="CP1", profile_id=100, evse_id=1, state="INSTALLED"),
    events.ChargingProfileCleared(station_id="CP1", profile_id=100),
    events.CommandDropped(command_id="c", station_id="CP1", type="Reset", status="Expired"),
    events.EventSetAside(
        consumer="c", seq=1, event_kind="StationBooted", station_id="CP1", tries=3, reason="r"
    ),
]
OF_NO_STATION = [
    events.TokenRegistered(token=TOKEN),
    events.TokenChanged(token=TOKEN),
    events.TokenRemoved(token_id="T"),
    events.LocationChanged(location=LOCATION),
    events.LocationRemoved(location_id="l"),
    events.FileRemoved(file_id="f", by="b"),
    events.CampaignChanged(campaign=CAMPAIGN, by="b"),
    events.ConfigurationTemplateChanged(template=TEMPLATE, by="b"),
    events.ConfigurationTemplateRemoved(template_id="t", by="b"),
    events.ChargingProfileChanged(profile=library_profile(), by="b"),
    events.ChargingProfileRemoved(profile_id=100, by="b"),
    events.UserChanged(user=USER),
    events.UserRemoved(user_id="u"),
    events.SignedIn(user_id="u", method="password", address="a"),
    events.SignInRefused(reason="password", address="a"),
    events.SignedOut(user_id="u", sessions=1, by="b"),
    events.PasswordChanged(user_id="u", by="b"),
    events.TwoFactorChanged(user_id="u", enabled=True, by="b"),
    events.SignInLinkMade(user_id="u", purpose="reset", expires_at=NOON, by="b"),
    events.ApiKeyCreated(key=KEY),
    events.ApiKeyRevoked(key=KEY),
    events.SubscriptionChanged(subscription=subscription(), by="b"),
    events.SubscriptionRemoved(subscription_id="s", by="b"),
    events.SubscriptionPaused(subscription_id="s", owner="o", channel="mail", reason="r"),
    events.TelegramChatChanged(
        chat=records.TelegramChat(id="7", name="Ann", private=True, requested_at=NOON)
    ),
    events.TelegramInviteCreated(
        invite=records.TelegramInvite(id="i", created_by="b", created_at=NOON, expires_at=NOON)
    ),
    events.ChannelFailed(channel="telegram", reason="r"),
    events.ServerStarted(version="1", stations=0),
]


def test_every_kind_of_event_is_tried_here():
    assert {type(each) for each in OF_A_STATION + OF_NO_STATION} == set(get_args(Event))


@pytest.mark.parametrize("event", OF_A_STATION + OF_NO_STATION, ids=lambda each: type(each).__name__)
def test_an_event_knows_what_it_belongs_to_and_can_be_read_again(event):
    assert station_of(event) == ("CP1" if event in OF_A_STATION else "")
    assert transaction_of(event) == ("7" if hasattr(event, "transaction") else "")
    logged = LoggedEvent(seq=1, at=NOON, event=event)
    assert msgspec.json.decode(msgspec.json.encode(logged), type=LoggedEvent) == logged
