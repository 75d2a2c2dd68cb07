"""The tables as the running program needs them.

Written by `tools/generate_statements.py` from `store/schema.py`; edit that instead.
"""

from typing import Final

from evsys.core import records
from evsys.core.records import Record
from evsys.store.tables import CompiledTable, Lookup, Statement

VERSION: Final = "0021"
"""The newest revision in `migrations/versions`: what this program reads and writes."""

TABLES: Final[dict[type[Record], CompiledTable]] = {
    records.Location: CompiledTable(
        name="locations",
        columns=("id", "name", "address", "latitude", "longitude", "time_zone", "created_at", "version"),
        cells={"created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO locations (id, name, address, latitude, longitude, time_zone, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude, time_zone = excluded.time_zone, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO locations (id, name, address, latitude, longitude, time_zone, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO locations (id, name, address, latitude, longitude, time_zone, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE locations SET name=?, address=?, latitude=?, longitude=?, time_zone=?, created_at=?, version=? WHERE locations.id = ? AND locations.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 0, 7),
                exact=True,
            ),
            "remove": Statement("DELETE FROM locations WHERE locations.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT locations.id, locations.name, locations.address, locations.latitude, locations.longitude, locations.time_zone, locations.created_at, locations.version  FROM locations  WHERE locations.id = ?",
                (0,),
            ),
        ),
    ),
    records.Station: CompiledTable(
        name="stations",
        columns=(
            "id",
            "title",
            "location_id",
            "enabled",
            "registration",
            "conformance",
            "ping",
            "assume_protocol",
            "assert_measurands",
            "poll_meter_values",
            "sweep",
            "call_timeout_s",
            "model_profile",
            "workarounds",
            "local_list",
            "created_at",
            "version",
        ),
        cells={
            "enabled": "flag",
            "ping": "flag",
            "assert_measurands": "flag",
            "poll_meter_values": "flag",
            "sweep": "flag",
            "workarounds": "workarounds",
            "local_list": "flag",
            "created_at": "time",
        },
        statements={
            "save": Statement(
                "INSERT INTO stations (id, title, location_id, enabled, registration, conformance, ping, assume_protocol, assert_measurands, poll_meter_values, sweep, call_timeout_s, model_profile, workarounds, local_list, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, location_id = excluded.location_id, enabled = excluded.enabled, registration = excluded.registration, conformance = excluded.conformance, ping = excluded.ping, assume_protocol = excluded.assume_protocol, assert_measurands = excluded.assert_measurands, poll_meter_values = excluded.poll_meter_values, sweep = excluded.sweep, call_timeout_s = excluded.call_timeout_s, model_profile = excluded.model_profile, workarounds = excluded.workarounds, local_list = excluded.local_list, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO stations (id, title, location_id, enabled, registration, conformance, ping, assume_protocol, assert_measurands, poll_meter_values, sweep, call_timeout_s, model_profile, workarounds, local_list, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO stations (id, title, location_id, enabled, registration, conformance, ping, assume_protocol, assert_measurands, poll_meter_values, sweep, call_timeout_s, model_profile, workarounds, local_list, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE stations SET title=?, location_id=?, enabled=?, registration=?, conformance=?, ping=?, assume_protocol=?, assert_measurands=?, poll_meter_values=?, sweep=?, call_timeout_s=?, model_profile=?, workarounds=?, local_list=?, created_at=?, version=? WHERE stations.id = ? AND stations.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 16),
                exact=True,
            ),
            "remove": Statement("DELETE FROM stations WHERE stations.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT stations.id, stations.title, stations.location_id, stations.enabled, stations.registration, stations.conformance, stations.ping, stations.assume_protocol, stations.assert_measurands, stations.poll_meter_values, stations.sweep, stations.call_timeout_s, stations.model_profile, stations.workarounds, stations.local_list, stations.created_at, stations.version  FROM stations  WHERE stations.id = ?",
                (0,),
            ),
        ),
    ),
    records.StationSecurity: CompiledTable(
        name="station_security",
        columns=("station_id", "minimum_profile", "user", "certificate_name", "forgiven_at", "version"),
        cells={"forgiven_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO station_security (station_id, minimum_profile, user, certificate_name, forgiven_at, version) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET minimum_profile = excluded.minimum_profile, user = excluded.user, certificate_name = excluded.certificate_name, forgiven_at = excluded.forgiven_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO station_security (station_id, minimum_profile, user, certificate_name, forgiven_at, version) VALUES (?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_security (station_id, minimum_profile, user, certificate_name, forgiven_at, version) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE station_security SET minimum_profile=?, user=?, certificate_name=?, forgiven_at=?, version=? WHERE station_security.station_id = ? AND station_security.version = ? - 1",
                (1, 2, 3, 4, 5, 0, 5),
                exact=True,
            ),
            "remove": Statement("DELETE FROM station_security WHERE station_security.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT station_security.station_id, station_security.minimum_profile, station_security.user, station_security.certificate_name, station_security.forgiven_at, station_security.version  FROM station_security  WHERE station_security.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.StationKey: CompiledTable(
        name="station_keys",
        columns=("station_id", "number", "digest", "made_at"),
        cells={"made_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO station_keys (station_id, number, digest, made_at) VALUES (?, ?, ?, ?) ON CONFLICT (station_id, number) DO UPDATE SET digest = excluded.digest, made_at = excluded.made_at"
            ),
            "add": Statement(
                "INSERT INTO station_keys (station_id, number, digest, made_at) VALUES (?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_keys (station_id, number, digest, made_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM station_keys WHERE station_keys.station_id = ? AND station_keys.number = ?",
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                "SELECT station_keys.station_id, station_keys.number, station_keys.digest, station_keys.made_at  FROM station_keys  WHERE station_keys.station_id = ? AND station_keys.number = ?",
                (0, 1),
            ),
        ),
    ),
    records.StationProof: CompiledTable(
        name="station_proofs",
        columns=("station_id", "profile", "key_number", "certificate_serial", "at"),
        cells={"at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO station_proofs (station_id, profile, key_number, certificate_serial, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET profile = excluded.profile, key_number = excluded.key_number, certificate_serial = excluded.certificate_serial, at = excluded.at"
            ),
            "add": Statement(
                "INSERT INTO station_proofs (station_id, profile, key_number, certificate_serial, at) VALUES (?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_proofs (station_id, profile, key_number, certificate_serial, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM station_proofs WHERE station_proofs.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT station_proofs.station_id, station_proofs.profile, station_proofs.key_number, station_proofs.certificate_serial, station_proofs.at  FROM station_proofs  WHERE station_proofs.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.StationCertificate: CompiledTable(
        name="station_certificates",
        columns=(
            "serial",
            "station_id",
            "name",
            "issuer",
            "valid_from",
            "valid_until",
            "renew_at",
            "chain",
            "request_digest",
            "issued_at",
            "accepted_at",
            "revoked_at",
            "version",
        ),
        cells={
            "valid_from": "time",
            "valid_until": "time",
            "renew_at": "time",
            "issued_at": "time",
            "accepted_at": "time",
            "revoked_at": "time",
        },
        statements={
            "save": Statement(
                "INSERT INTO station_certificates (serial, station_id, name, issuer, valid_from, valid_until, renew_at, chain, request_digest, issued_at, accepted_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET station_id = excluded.station_id, name = excluded.name, issuer = excluded.issuer, valid_from = excluded.valid_from, valid_until = excluded.valid_until, renew_at = excluded.renew_at, chain = excluded.chain, request_digest = excluded.request_digest, issued_at = excluded.issued_at, accepted_at = excluded.accepted_at, revoked_at = excluded.revoked_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO station_certificates (serial, station_id, name, issuer, valid_from, valid_until, renew_at, chain, request_digest, issued_at, accepted_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_certificates (serial, station_id, name, issuer, valid_from, valid_until, renew_at, chain, request_digest, issued_at, accepted_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE station_certificates SET station_id=?, name=?, issuer=?, valid_from=?, valid_until=?, renew_at=?, chain=?, request_digest=?, issued_at=?, accepted_at=?, revoked_at=?, version=? WHERE station_certificates.serial = ? AND station_certificates.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 12),
                exact=True,
            ),
            "remove": Statement(
                "DELETE FROM station_certificates WHERE station_certificates.serial = ?", (0,)
            ),
        },
        lookups=(
            Lookup(
                "SELECT station_certificates.serial, station_certificates.station_id, station_certificates.name, station_certificates.issuer, station_certificates.valid_from, station_certificates.valid_until, station_certificates.renew_at, station_certificates.chain, station_certificates.request_digest, station_certificates.issued_at, station_certificates.accepted_at, station_certificates.revoked_at, station_certificates.version  FROM station_certificates  WHERE station_certificates.serial = ?",
                (0,),
            ),
        ),
    ),
    records.SecurityUpgrade: CompiledTable(
        name="security_upgrades",
        columns=(
            "id",
            "station_id",
            "profile",
            "state",
            "requested_by",
            "requested_at",
            "changed_at",
            "error",
            "version",
        ),
        cells={"requested_at": "time", "changed_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO security_upgrades (id, station_id, profile, state, requested_by, requested_at, changed_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, profile = excluded.profile, state = excluded.state, requested_by = excluded.requested_by, requested_at = excluded.requested_at, changed_at = excluded.changed_at, error = excluded.error, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO security_upgrades (id, station_id, profile, state, requested_by, requested_at, changed_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO security_upgrades (id, station_id, profile, state, requested_by, requested_at, changed_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE security_upgrades SET station_id=?, profile=?, state=?, requested_by=?, requested_at=?, changed_at=?, error=?, version=? WHERE security_upgrades.id = ? AND security_upgrades.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 0, 8),
                exact=True,
            ),
            "remove": Statement("DELETE FROM security_upgrades WHERE security_upgrades.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT security_upgrades.id, security_upgrades.station_id, security_upgrades.profile, security_upgrades.state, security_upgrades.requested_by, security_upgrades.requested_at, security_upgrades.changed_at, security_upgrades.error, security_upgrades.version  FROM security_upgrades  WHERE security_upgrades.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT security_upgrades.id, security_upgrades.station_id, security_upgrades.profile, security_upgrades.state, security_upgrades.requested_by, security_upgrades.requested_at, security_upgrades.changed_at, security_upgrades.error, security_upgrades.version  FROM security_upgrades  WHERE security_upgrades.station_id = ? AND state NOT IN ('done', 'failed')",
                (1,),
            ),
        ),
    ),
    records.Alarm: CompiledTable(
        name="alarms",
        columns=(
            "id",
            "station_id",
            "kind",
            "name",
            "severity",
            "detail",
            "facts",
            "count",
            "flapping",
            "raised_at",
            "last_at",
            "last_seq",
            "told_at",
            "acknowledged_at",
            "acknowledged_by",
            "note",
            "cleared_at",
            "cleared_by",
            "version",
        ),
        cells={
            "facts": "json",
            "flapping": "flag",
            "raised_at": "time",
            "last_at": "time",
            "told_at": "time",
            "acknowledged_at": "time",
            "cleared_at": "time",
        },
        statements={
            "save": Statement(
                "INSERT INTO alarms (id, station_id, kind, name, severity, detail, facts, count, flapping, raised_at, last_at, last_seq, told_at, acknowledged_at, acknowledged_by, note, cleared_at, cleared_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, kind = excluded.kind, name = excluded.name, severity = excluded.severity, detail = excluded.detail, facts = excluded.facts, count = excluded.count, flapping = excluded.flapping, raised_at = excluded.raised_at, last_at = excluded.last_at, last_seq = excluded.last_seq, told_at = excluded.told_at, acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by, note = excluded.note, cleared_at = excluded.cleared_at, cleared_by = excluded.cleared_by, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO alarms (id, station_id, kind, name, severity, detail, facts, count, flapping, raised_at, last_at, last_seq, told_at, acknowledged_at, acknowledged_by, note, cleared_at, cleared_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO alarms (id, station_id, kind, name, severity, detail, facts, count, flapping, raised_at, last_at, last_seq, told_at, acknowledged_at, acknowledged_by, note, cleared_at, cleared_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE alarms SET station_id=?, kind=?, name=?, severity=?, detail=?, facts=?, count=?, flapping=?, raised_at=?, last_at=?, last_seq=?, told_at=?, acknowledged_at=?, acknowledged_by=?, note=?, cleared_at=?, cleared_by=?, version=? WHERE alarms.id = ? AND alarms.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 0, 18),
                exact=True,
            ),
            "remove": Statement("DELETE FROM alarms WHERE alarms.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT alarms.id, alarms.station_id, alarms.kind, alarms.name, alarms.severity, alarms.detail, alarms.facts, alarms.count, alarms.flapping, alarms.raised_at, alarms.last_at, alarms.last_seq, alarms.told_at, alarms.acknowledged_at, alarms.acknowledged_by, alarms.note, alarms.cleared_at, alarms.cleared_by, alarms.version  FROM alarms  WHERE alarms.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT alarms.id, alarms.station_id, alarms.kind, alarms.name, alarms.severity, alarms.detail, alarms.facts, alarms.count, alarms.flapping, alarms.raised_at, alarms.last_at, alarms.last_seq, alarms.told_at, alarms.acknowledged_at, alarms.acknowledged_by, alarms.note, alarms.cleared_at, alarms.cleared_by, alarms.version  FROM alarms  WHERE alarms.station_id = ? AND alarms.kind = ? AND alarms.name = ? AND cleared_at IS NULL",
                (1, 2, 3),
            ),
        ),
    ),
    records.AlarmWatch: CompiledTable(
        name="alarm_watches",
        columns=(
            "station_id",
            "kind",
            "name",
            "holds",
            "since",
            "moments",
            "severity",
            "detail",
            "facts",
            "due_at",
            "muted",
            "last_seq",
            "version",
        ),
        cells={
            "holds": "flag",
            "since": "time",
            "moments": "json",
            "facts": "json",
            "due_at": "time",
            "muted": "flag",
        },
        statements={
            "save": Statement(
                "INSERT INTO alarm_watches (station_id, kind, name, holds, since, moments, severity, detail, facts, due_at, muted, last_seq, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id, kind, name) DO UPDATE SET holds = excluded.holds, since = excluded.since, moments = excluded.moments, severity = excluded.severity, detail = excluded.detail, facts = excluded.facts, due_at = excluded.due_at, muted = excluded.muted, last_seq = excluded.last_seq, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO alarm_watches (station_id, kind, name, holds, since, moments, severity, detail, facts, due_at, muted, last_seq, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO alarm_watches (station_id, kind, name, holds, since, moments, severity, detail, facts, due_at, muted, last_seq, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE alarm_watches SET holds=?, since=?, moments=?, severity=?, detail=?, facts=?, due_at=?, muted=?, last_seq=?, version=? WHERE alarm_watches.station_id = ? AND alarm_watches.kind = ? AND alarm_watches.name = ? AND alarm_watches.version = ? - 1",
                (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2, 12),
                exact=True,
            ),
            "remove": Statement(
                "DELETE FROM alarm_watches WHERE alarm_watches.station_id = ? AND alarm_watches.kind = ? AND alarm_watches.name = ?",
                (0, 1, 2),
            ),
        },
        lookups=(
            Lookup(
                "SELECT alarm_watches.station_id, alarm_watches.kind, alarm_watches.name, alarm_watches.holds, alarm_watches.since, alarm_watches.moments, alarm_watches.severity, alarm_watches.detail, alarm_watches.facts, alarm_watches.due_at, alarm_watches.muted, alarm_watches.last_seq, alarm_watches.version  FROM alarm_watches  WHERE alarm_watches.station_id = ? AND alarm_watches.kind = ? AND alarm_watches.name = ?",
                (0, 1, 2),
            ),
        ),
    ),
    records.AlarmRule: CompiledTable(
        name="alarm_rules",
        columns=(
            "kind",
            "station_id",
            "enabled",
            "severity",
            "after_s",
            "times",
            "within_s",
            "clears_after_s",
            "repeat_s",
            "threshold",
            "version",
        ),
        cells={"enabled": "flag"},
        statements={
            "save": Statement(
                "INSERT INTO alarm_rules (kind, station_id, enabled, severity, after_s, times, within_s, clears_after_s, repeat_s, threshold, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, station_id) DO UPDATE SET enabled = excluded.enabled, severity = excluded.severity, after_s = excluded.after_s, times = excluded.times, within_s = excluded.within_s, clears_after_s = excluded.clears_after_s, repeat_s = excluded.repeat_s, threshold = excluded.threshold, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO alarm_rules (kind, station_id, enabled, severity, after_s, times, within_s, clears_after_s, repeat_s, threshold, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO alarm_rules (kind, station_id, enabled, severity, after_s, times, within_s, clears_after_s, repeat_s, threshold, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE alarm_rules SET enabled=?, severity=?, after_s=?, times=?, within_s=?, clears_after_s=?, repeat_s=?, threshold=?, version=? WHERE alarm_rules.kind = ? AND alarm_rules.station_id = ? AND alarm_rules.version = ? - 1",
                (2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 10),
                exact=True,
            ),
            "remove": Statement(
                "DELETE FROM alarm_rules WHERE alarm_rules.kind = ? AND alarm_rules.station_id = ?", (0, 1)
            ),
        },
        lookups=(
            Lookup(
                "SELECT alarm_rules.kind, alarm_rules.station_id, alarm_rules.enabled, alarm_rules.severity, alarm_rules.after_s, alarm_rules.times, alarm_rules.within_s, alarm_rules.clears_after_s, alarm_rules.repeat_s, alarm_rules.threshold, alarm_rules.version  FROM alarm_rules  WHERE alarm_rules.kind = ? AND alarm_rules.station_id = ?",
                (0, 1),
            ),
        ),
    ),
    records.StationStatus: CompiledTable(
        name="station_status",
        columns=(
            "station_id",
            "epoch",
            "connected",
            "connected_at",
            "disconnected_at",
            "address",
            "protocol",
            "registration",
            "booted_at",
            "vendor",
            "model",
            "serial_number",
            "charge_box_serial_number",
            "firmware_version",
            "iccid",
            "imsi",
            "meter_type",
            "meter_serial_number",
            "firmware_status",
            "diagnostics_status",
            "firmware_request_id",
            "diagnostics_request_id",
        ),
        cells={"connected": "flag", "connected_at": "time", "disconnected_at": "time", "booted_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO station_status (station_id, epoch, connected, connected_at, disconnected_at, address, protocol, registration, booted_at, vendor, model, serial_number, charge_box_serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number, firmware_status, diagnostics_status, firmware_request_id, diagnostics_request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET epoch = excluded.epoch, connected = excluded.connected, connected_at = excluded.connected_at, disconnected_at = excluded.disconnected_at, address = excluded.address, protocol = excluded.protocol, registration = excluded.registration, booted_at = excluded.booted_at, vendor = excluded.vendor, model = excluded.model, serial_number = excluded.serial_number, charge_box_serial_number = excluded.charge_box_serial_number, firmware_version = excluded.firmware_version, iccid = excluded.iccid, imsi = excluded.imsi, meter_type = excluded.meter_type, meter_serial_number = excluded.meter_serial_number, firmware_status = excluded.firmware_status, diagnostics_status = excluded.diagnostics_status, firmware_request_id = excluded.firmware_request_id, diagnostics_request_id = excluded.diagnostics_request_id"
            ),
            "add": Statement(
                "INSERT INTO station_status (station_id, epoch, connected, connected_at, disconnected_at, address, protocol, registration, booted_at, vendor, model, serial_number, charge_box_serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number, firmware_status, diagnostics_status, firmware_request_id, diagnostics_request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_status (station_id, epoch, connected, connected_at, disconnected_at, address, protocol, registration, booted_at, vendor, model, serial_number, charge_box_serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number, firmware_status, diagnostics_status, firmware_request_id, diagnostics_request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM station_status WHERE station_status.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT station_status.station_id, station_status.epoch, station_status.connected, station_status.connected_at, station_status.disconnected_at, station_status.address, station_status.protocol, station_status.registration, station_status.booted_at, station_status.vendor, station_status.model, station_status.serial_number, station_status.charge_box_serial_number, station_status.firmware_version, station_status.iccid, station_status.imsi, station_status.meter_type, station_status.meter_serial_number, station_status.firmware_status, station_status.diagnostics_status, station_status.firmware_request_id, station_status.diagnostics_request_id  FROM station_status  WHERE station_status.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.ConnectorStatus: CompiledTable(
        name="connector_status",
        columns=(
            "station_id",
            "evse_id",
            "connector_id",
            "status",
            "error_code",
            "info",
            "vendor_id",
            "vendor_error_code",
            "reported_at",
            "received_at",
        ),
        cells={"reported_at": "time", "received_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO connector_status (station_id, evse_id, connector_id, status, error_code, info, vendor_id, vendor_error_code, reported_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id, evse_id, connector_id) DO UPDATE SET status = excluded.status, error_code = excluded.error_code, info = excluded.info, vendor_id = excluded.vendor_id, vendor_error_code = excluded.vendor_error_code, reported_at = excluded.reported_at, received_at = excluded.received_at"
            ),
            "add": Statement(
                "INSERT INTO connector_status (station_id, evse_id, connector_id, status, error_code, info, vendor_id, vendor_error_code, reported_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO connector_status (station_id, evse_id, connector_id, status, error_code, info, vendor_id, vendor_error_code, reported_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM connector_status WHERE connector_status.station_id = ? AND connector_status.evse_id = ? AND connector_status.connector_id = ?",
                (0, 1, 2),
            ),
        },
        lookups=(
            Lookup(
                "SELECT connector_status.station_id, connector_status.evse_id, connector_status.connector_id, connector_status.status, connector_status.error_code, connector_status.info, connector_status.vendor_id, connector_status.vendor_error_code, connector_status.reported_at, connector_status.received_at  FROM connector_status  WHERE connector_status.station_id = ? AND connector_status.evse_id = ? AND connector_status.connector_id = ?",
                (0, 1, 2),
            ),
        ),
    ),
    records.LastSeen: CompiledTable(
        name="last_seen",
        columns=("station_id", "at"),
        cells={"at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO last_seen (station_id, at) VALUES (?, ?) ON CONFLICT (station_id) DO UPDATE SET at = excluded.at"
            ),
            "add": Statement("INSERT INTO last_seen (station_id, at) VALUES (?, ?)"),
            "add_once": Statement(
                "INSERT INTO last_seen (station_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM last_seen WHERE last_seen.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT last_seen.station_id, last_seen.at  FROM last_seen  WHERE last_seen.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.StationQuirk: CompiledTable(
        name="station_quirks",
        columns=("station_id", "kind", "count", "first_seen_at", "last_seen_at", "example"),
        cells={"first_seen_at": "time", "last_seen_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO station_quirks (station_id, kind, count, first_seen_at, last_seen_at, example) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (station_id, kind) DO UPDATE SET count = excluded.count, first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at, example = excluded.example"
            ),
            "add": Statement(
                "INSERT INTO station_quirks (station_id, kind, count, first_seen_at, last_seen_at, example) VALUES (?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO station_quirks (station_id, kind, count, first_seen_at, last_seen_at, example) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM station_quirks WHERE station_quirks.station_id = ? AND station_quirks.kind = ?",
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                "SELECT station_quirks.station_id, station_quirks.kind, station_quirks.count, station_quirks.first_seen_at, station_quirks.last_seen_at, station_quirks.example  FROM station_quirks  WHERE station_quirks.station_id = ? AND station_quirks.kind = ?",
                (0, 1),
            ),
        ),
    ),
    records.Token: CompiledTable(
        name="tokens",
        columns=(
            "id",
            "kind",
            "label",
            "parent",
            "blocked",
            "expires_at",
            "max_concurrent",
            "station_ids",
            "user_id",
            "note",
            "created_at",
            "version",
        ),
        cells={"blocked": "flag", "expires_at": "time", "station_ids": "words", "created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO tokens (id, kind, label, parent, blocked, expires_at, max_concurrent, station_ids, user_id, note, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, label = excluded.label, parent = excluded.parent, blocked = excluded.blocked, expires_at = excluded.expires_at, max_concurrent = excluded.max_concurrent, station_ids = excluded.station_ids, user_id = excluded.user_id, note = excluded.note, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO tokens (id, kind, label, parent, blocked, expires_at, max_concurrent, station_ids, user_id, note, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO tokens (id, kind, label, parent, blocked, expires_at, max_concurrent, station_ids, user_id, note, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE tokens SET kind=?, label=?, parent=?, blocked=?, expires_at=?, max_concurrent=?, station_ids=?, user_id=?, note=?, created_at=?, version=? WHERE tokens.id = ? AND tokens.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 11),
                exact=True,
            ),
            "remove": Statement("DELETE FROM tokens WHERE tokens.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT tokens.id, tokens.kind, tokens.label, tokens.parent, tokens.blocked, tokens.expires_at, tokens.max_concurrent, tokens.station_ids, tokens.user_id, tokens.note, tokens.created_at, tokens.version  FROM tokens  WHERE tokens.id = ?",
                (0,),
            ),
        ),
    ),
    records.User: CompiledTable(
        name="users",
        columns=(
            "id",
            "name",
            "email",
            "phone",
            "note",
            "role",
            "location_ids",
            "enabled",
            "created_at",
            "version",
        ),
        cells={"location_ids": "words", "enabled": "flag", "created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO users (id, name, email, phone, note, role, location_ids, enabled, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone, note = excluded.note, role = excluded.role, location_ids = excluded.location_ids, enabled = excluded.enabled, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO users (id, name, email, phone, note, role, location_ids, enabled, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO users (id, name, email, phone, note, role, location_ids, enabled, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE users SET name=?, email=?, phone=?, note=?, role=?, location_ids=?, enabled=?, created_at=?, version=? WHERE users.id = ? AND users.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 9),
                exact=True,
            ),
            "remove": Statement("DELETE FROM users WHERE users.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT users.id, users.name, users.email, users.phone, users.note, users.role, users.location_ids, users.enabled, users.created_at, users.version  FROM users  WHERE users.id = ?",
                (0,),
            ),
        ),
    ),
    records.UserLogin: CompiledTable(
        name="user_logins",
        columns=("user_id", "password", "totp", "totp_step", "changed_at", "version"),
        cells={"changed_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO user_logins (user_id, password, totp, totp_step, changed_at, version) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET password = excluded.password, totp = excluded.totp, totp_step = excluded.totp_step, changed_at = excluded.changed_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO user_logins (user_id, password, totp, totp_step, changed_at, version) VALUES (?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO user_logins (user_id, password, totp, totp_step, changed_at, version) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE user_logins SET password=?, totp=?, totp_step=?, changed_at=?, version=? WHERE user_logins.user_id = ? AND user_logins.version = ? - 1",
                (1, 2, 3, 4, 5, 0, 5),
                exact=True,
            ),
            "remove": Statement("DELETE FROM user_logins WHERE user_logins.user_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT user_logins.user_id, user_logins.password, user_logins.totp, user_logins.totp_step, user_logins.changed_at, user_logins.version  FROM user_logins  WHERE user_logins.user_id = ?",
                (0,),
            ),
        ),
    ),
    records.UserSession: CompiledTable(
        name="user_sessions",
        columns=(
            "digest",
            "id",
            "user_id",
            "created_at",
            "seen_at",
            "expires_at",
            "address",
            "agent",
            "version",
        ),
        cells={"created_at": "time", "seen_at": "time", "expires_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO user_sessions (digest, id, user_id, created_at, seen_at, expires_at, address, agent, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET id = excluded.id, user_id = excluded.user_id, created_at = excluded.created_at, seen_at = excluded.seen_at, expires_at = excluded.expires_at, address = excluded.address, agent = excluded.agent, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO user_sessions (digest, id, user_id, created_at, seen_at, expires_at, address, agent, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO user_sessions (digest, id, user_id, created_at, seen_at, expires_at, address, agent, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE user_sessions SET id=?, user_id=?, created_at=?, seen_at=?, expires_at=?, address=?, agent=?, version=? WHERE user_sessions.digest = ? AND user_sessions.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 0, 8),
                exact=True,
            ),
            "remove": Statement("DELETE FROM user_sessions WHERE user_sessions.digest = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT user_sessions.digest, user_sessions.id, user_sessions.user_id, user_sessions.created_at, user_sessions.seen_at, user_sessions.expires_at, user_sessions.address, user_sessions.agent, user_sessions.version  FROM user_sessions  WHERE user_sessions.digest = ?",
                (0,),
            ),
        ),
    ),
    records.UserLink: CompiledTable(
        name="user_links",
        columns=("digest", "user_id", "purpose", "created_by", "created_at", "expires_at", "version"),
        cells={"created_at": "time", "expires_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO user_links (digest, user_id, purpose, created_by, created_at, expires_at, version) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET user_id = excluded.user_id, purpose = excluded.purpose, created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO user_links (digest, user_id, purpose, created_by, created_at, expires_at, version) VALUES (?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO user_links (digest, user_id, purpose, created_by, created_at, expires_at, version) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE user_links SET user_id=?, purpose=?, created_by=?, created_at=?, expires_at=?, version=? WHERE user_links.digest = ? AND user_links.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 0, 6),
                exact=True,
            ),
            "remove": Statement("DELETE FROM user_links WHERE user_links.digest = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT user_links.digest, user_links.user_id, user_links.purpose, user_links.created_by, user_links.created_at, user_links.expires_at, user_links.version  FROM user_links  WHERE user_links.digest = ?",
                (0,),
            ),
        ),
    ),
    records.Transaction: CompiledTable(
        name="transactions",
        columns=(
            "id",
            "number",
            "alias",
            "station_id",
            "evse_id",
            "connector_id",
            "id_token",
            "id_token_canonical",
            "authorization",
            "started_at",
            "start_received_at",
            "meter_start_wh",
            "start_key",
            "reservation_id",
            "ended_at",
            "end_received_at",
            "meter_stop_wh",
            "energy_wh",
            "stop_reason",
            "stop_id_token",
            "ended_by",
            "flags",
        ),
        cells={
            "started_at": "time",
            "start_received_at": "time",
            "ended_at": "time",
            "end_received_at": "time",
            "flags": "words",
        },
        statements={
            "save": Statement(
                "INSERT INTO transactions (id, number, alias, station_id, evse_id, connector_id, id_token, id_token_canonical, authorization, started_at, start_received_at, meter_start_wh, start_key, reservation_id, ended_at, end_received_at, meter_stop_wh, energy_wh, stop_reason, stop_id_token, ended_by, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET number = excluded.number, alias = excluded.alias, station_id = excluded.station_id, evse_id = excluded.evse_id, connector_id = excluded.connector_id, id_token = excluded.id_token, id_token_canonical = excluded.id_token_canonical, authorization = excluded.authorization, started_at = excluded.started_at, start_received_at = excluded.start_received_at, meter_start_wh = excluded.meter_start_wh, start_key = excluded.start_key, reservation_id = excluded.reservation_id, ended_at = excluded.ended_at, end_received_at = excluded.end_received_at, meter_stop_wh = excluded.meter_stop_wh, energy_wh = excluded.energy_wh, stop_reason = excluded.stop_reason, stop_id_token = excluded.stop_id_token, ended_by = excluded.ended_by, flags = excluded.flags"
            ),
            "add": Statement(
                "INSERT INTO transactions (id, number, alias, station_id, evse_id, connector_id, id_token, id_token_canonical, authorization, started_at, start_received_at, meter_start_wh, start_key, reservation_id, ended_at, end_received_at, meter_stop_wh, energy_wh, stop_reason, stop_id_token, ended_by, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO transactions (id, number, alias, station_id, evse_id, connector_id, id_token, id_token_canonical, authorization, started_at, start_received_at, meter_start_wh, start_key, reservation_id, ended_at, end_received_at, meter_stop_wh, energy_wh, stop_reason, stop_id_token, ended_by, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM transactions WHERE transactions.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT transactions.id, transactions.number, transactions.alias, transactions.station_id, transactions.evse_id, transactions.connector_id, transactions.id_token, transactions.id_token_canonical, transactions.authorization, transactions.started_at, transactions.start_received_at, transactions.meter_start_wh, transactions.start_key, transactions.reservation_id, transactions.ended_at, transactions.end_received_at, transactions.meter_stop_wh, transactions.energy_wh, transactions.stop_reason, transactions.stop_id_token, transactions.ended_by, transactions.flags  FROM transactions  WHERE transactions.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT transactions.id, transactions.number, transactions.alias, transactions.station_id, transactions.evse_id, transactions.connector_id, transactions.id_token, transactions.id_token_canonical, transactions.authorization, transactions.started_at, transactions.start_received_at, transactions.meter_start_wh, transactions.start_key, transactions.reservation_id, transactions.ended_at, transactions.end_received_at, transactions.meter_stop_wh, transactions.energy_wh, transactions.stop_reason, transactions.stop_id_token, transactions.ended_by, transactions.flags  FROM transactions  WHERE transactions.start_key = ?",
                (12,),
            ),
            Lookup(
                "SELECT transactions.id, transactions.number, transactions.alias, transactions.station_id, transactions.evse_id, transactions.connector_id, transactions.id_token, transactions.id_token_canonical, transactions.authorization, transactions.started_at, transactions.start_received_at, transactions.meter_start_wh, transactions.start_key, transactions.reservation_id, transactions.ended_at, transactions.end_received_at, transactions.meter_stop_wh, transactions.energy_wh, transactions.stop_reason, transactions.stop_id_token, transactions.ended_by, transactions.flags  FROM transactions  WHERE transactions.number = ?",
                (1,),
            ),
            Lookup(
                "SELECT transactions.id, transactions.number, transactions.alias, transactions.station_id, transactions.evse_id, transactions.connector_id, transactions.id_token, transactions.id_token_canonical, transactions.authorization, transactions.started_at, transactions.start_received_at, transactions.meter_start_wh, transactions.start_key, transactions.reservation_id, transactions.ended_at, transactions.end_received_at, transactions.meter_stop_wh, transactions.energy_wh, transactions.stop_reason, transactions.stop_id_token, transactions.ended_by, transactions.flags  FROM transactions  WHERE transactions.station_id = ? AND transactions.evse_id = ? AND ended_at IS NULL AND evse_id > 0",
                (3, 4),
            ),
        ),
    ),
    records.MeterValue: CompiledTable(
        name="meter_values",
        columns=(
            "digest",
            "station_id",
            "evse_id",
            "transaction_id",
            "at",
            "reported_at",
            "received_at",
            "context",
            "energy_wh",
            "energy_export_wh",
            "power_w",
            "power_offered_w",
            "current_a",
            "current_l1_a",
            "current_l2_a",
            "current_l3_a",
            "current_offered_a",
            "voltage_v",
            "voltage_l1_v",
            "voltage_l2_v",
            "voltage_l3_v",
            "soc_percent",
            "temperature_c",
            "frequency_hz",
            "rest",
        ),
        cells={"at": "time", "reported_at": "time", "received_at": "time", "rest": "json"},
        statements={
            "add": Statement(
                "INSERT INTO meter_values (digest, station_id, evse_id, transaction_id, at, reported_at, received_at, context, energy_wh, energy_export_wh, power_w, power_offered_w, current_a, current_l1_a, current_l2_a, current_l3_a, current_offered_a, voltage_v, voltage_l1_v, voltage_l2_v, voltage_l3_v, soc_percent, temperature_c, frequency_hz, rest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO meter_values (digest, station_id, evse_id, transaction_id, at, reported_at, received_at, context, energy_wh, energy_export_wh, power_w, power_offered_w, current_a, current_l1_a, current_l2_a, current_l3_a, current_offered_a, voltage_v, voltage_l1_v, voltage_l2_v, voltage_l3_v, soc_percent, temperature_c, frequency_hz, rest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
        },
        lookups=(
            Lookup(
                "SELECT meter_values.digest, meter_values.station_id, meter_values.evse_id, meter_values.transaction_id, meter_values.at, meter_values.reported_at, meter_values.received_at, meter_values.context, meter_values.energy_wh, meter_values.energy_export_wh, meter_values.power_w, meter_values.power_offered_w, meter_values.current_a, meter_values.current_l1_a, meter_values.current_l2_a, meter_values.current_l3_a, meter_values.current_offered_a, meter_values.voltage_v, meter_values.voltage_l1_v, meter_values.voltage_l2_v, meter_values.voltage_l3_v, meter_values.soc_percent, meter_values.temperature_c, meter_values.frequency_hz, meter_values.rest  FROM meter_values  WHERE meter_values.reported_at = ? AND meter_values.station_id = ? AND meter_values.digest = ?",
                (5, 1, 0),
            ),
        ),
    ),
    records.Quarantined: CompiledTable(
        name="quarantined",
        columns=(
            "id",
            "station_id",
            "kind",
            "number",
            "received_at",
            "reason",
            "payload",
            "resolved_at",
            "transaction_id",
        ),
        cells={"received_at": "time", "payload": "json", "resolved_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO quarantined (id, station_id, kind, number, received_at, reason, payload, resolved_at, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, kind = excluded.kind, number = excluded.number, received_at = excluded.received_at, reason = excluded.reason, payload = excluded.payload, resolved_at = excluded.resolved_at, transaction_id = excluded.transaction_id"
            ),
            "add": Statement(
                "INSERT INTO quarantined (id, station_id, kind, number, received_at, reason, payload, resolved_at, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO quarantined (id, station_id, kind, number, received_at, reason, payload, resolved_at, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM quarantined WHERE quarantined.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT quarantined.id, quarantined.station_id, quarantined.kind, quarantined.number, quarantined.received_at, quarantined.reason, quarantined.payload, quarantined.resolved_at, quarantined.transaction_id  FROM quarantined  WHERE quarantined.id = ?",
                (0,),
            ),
        ),
    ),
    records.Knock: CompiledTable(
        name="knocks",
        columns=("station_id", "first_seen_at", "last_seen_at", "address", "count"),
        cells={"first_seen_at": "time", "last_seen_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO knocks (station_id, first_seen_at, last_seen_at, address, count) VALUES (?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at, address = excluded.address, count = excluded.count"
            ),
            "add": Statement(
                "INSERT INTO knocks (station_id, first_seen_at, last_seen_at, address, count) VALUES (?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO knocks (station_id, first_seen_at, last_seen_at, address, count) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM knocks WHERE knocks.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT knocks.station_id, knocks.first_seen_at, knocks.last_seen_at, knocks.address, knocks.count  FROM knocks  WHERE knocks.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.ApiKey: CompiledTable(
        name="api_keys",
        columns=(
            "id",
            "name",
            "role",
            "scopes",
            "user_id",
            "created_at",
            "expires_at",
            "revoked_at",
            "version",
        ),
        cells={"scopes": "words", "created_at": "time", "expires_at": "time", "revoked_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO api_keys (id, name, role, scopes, user_id, created_at, expires_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, scopes = excluded.scopes, user_id = excluded.user_id, created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO api_keys (id, name, role, scopes, user_id, created_at, expires_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO api_keys (id, name, role, scopes, user_id, created_at, expires_at, revoked_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE api_keys SET name=?, role=?, scopes=?, user_id=?, created_at=?, expires_at=?, revoked_at=?, version=? WHERE api_keys.id = ? AND api_keys.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 0, 8),
                exact=True,
            ),
            "remove": Statement("DELETE FROM api_keys WHERE api_keys.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT api_keys.id, api_keys.name, api_keys.role, api_keys.scopes, api_keys.user_id, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.version  FROM api_keys  WHERE api_keys.id = ?",
                (0,),
            ),
        ),
    ),
    records.ApiKeySecret: CompiledTable(
        name="api_key_secrets",
        columns=("key_id", "digest"),
        cells={},
        statements={
            "save": Statement(
                "INSERT INTO api_key_secrets (key_id, digest) VALUES (?, ?) ON CONFLICT (key_id) DO UPDATE SET digest = excluded.digest"
            ),
            "add": Statement("INSERT INTO api_key_secrets (key_id, digest) VALUES (?, ?)"),
            "add_once": Statement(
                "INSERT INTO api_key_secrets (key_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM api_key_secrets WHERE api_key_secrets.key_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT api_key_secrets.key_id, api_key_secrets.digest  FROM api_key_secrets  WHERE api_key_secrets.key_id = ?",
                (0,),
            ),
            Lookup(
                "SELECT api_key_secrets.key_id, api_key_secrets.digest  FROM api_key_secrets  WHERE api_key_secrets.digest = ?",
                (1,),
            ),
        ),
    ),
    records.CommandRecord: CompiledTable(
        name="commands",
        columns=(
            "id",
            "station_id",
            "type",
            "request",
            "requested_by",
            "requested_at",
            "finished_at",
            "accepted",
            "status",
            "detail",
            "error",
        ),
        cells={
            "request": "json",
            "requested_at": "time",
            "finished_at": "time",
            "accepted": "flag",
            "detail": "json",
        },
        statements={
            "save": Statement(
                "INSERT INTO commands (id, station_id, type, request, requested_by, requested_at, finished_at, accepted, status, detail, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, type = excluded.type, request = excluded.request, requested_by = excluded.requested_by, requested_at = excluded.requested_at, finished_at = excluded.finished_at, accepted = excluded.accepted, status = excluded.status, detail = excluded.detail, error = excluded.error"
            ),
            "add": Statement(
                "INSERT INTO commands (id, station_id, type, request, requested_by, requested_at, finished_at, accepted, status, detail, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO commands (id, station_id, type, request, requested_by, requested_at, finished_at, accepted, status, detail, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM commands WHERE commands.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT commands.id, commands.station_id, commands.type, commands.request, commands.requested_by, commands.requested_at, commands.finished_at, commands.accepted, commands.status, commands.detail, commands.error  FROM commands  WHERE commands.id = ?",
                (0,),
            ),
        ),
    ),
    records.QueuedCommand: CompiledTable(
        name="queued_commands",
        columns=(
            "id",
            "station_id",
            "number",
            "type",
            "request",
            "requested_by",
            "requested_at",
            "expires_at",
            "status",
            "ended_at",
            "error",
            "version",
        ),
        cells={"request": "json", "requested_at": "time", "expires_at": "time", "ended_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO queued_commands (id, station_id, number, type, request, requested_by, requested_at, expires_at, status, ended_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, number = excluded.number, type = excluded.type, request = excluded.request, requested_by = excluded.requested_by, requested_at = excluded.requested_at, expires_at = excluded.expires_at, status = excluded.status, ended_at = excluded.ended_at, error = excluded.error, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO queued_commands (id, station_id, number, type, request, requested_by, requested_at, expires_at, status, ended_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO queued_commands (id, station_id, number, type, request, requested_by, requested_at, expires_at, status, ended_at, error, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE queued_commands SET station_id=?, number=?, type=?, request=?, requested_by=?, requested_at=?, expires_at=?, status=?, ended_at=?, error=?, version=? WHERE queued_commands.id = ? AND queued_commands.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 11),
                exact=True,
            ),
            "remove": Statement("DELETE FROM queued_commands WHERE queued_commands.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT queued_commands.id, queued_commands.station_id, queued_commands.number, queued_commands.type, queued_commands.request, queued_commands.requested_by, queued_commands.requested_at, queued_commands.expires_at, queued_commands.status, queued_commands.ended_at, queued_commands.error, queued_commands.version  FROM queued_commands  WHERE queued_commands.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT queued_commands.id, queued_commands.station_id, queued_commands.number, queued_commands.type, queued_commands.request, queued_commands.requested_by, queued_commands.requested_at, queued_commands.expires_at, queued_commands.status, queued_commands.ended_at, queued_commands.error, queued_commands.version  FROM queued_commands  WHERE queued_commands.station_id = ? AND queued_commands.number = ?",
                (1, 2),
            ),
        ),
    ),
    records.Reservation: CompiledTable(
        name="reservations",
        columns=(
            "id",
            "station_id",
            "number",
            "evse_id",
            "id_token",
            "parent",
            "status",
            "reason",
            "transaction_id",
            "requested_by",
            "created_at",
            "expires_at",
            "ended_at",
            "version",
        ),
        cells={"created_at": "time", "expires_at": "time", "ended_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO reservations (id, station_id, number, evse_id, id_token, parent, status, reason, transaction_id, requested_by, created_at, expires_at, ended_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, number = excluded.number, evse_id = excluded.evse_id, id_token = excluded.id_token, parent = excluded.parent, status = excluded.status, reason = excluded.reason, transaction_id = excluded.transaction_id, requested_by = excluded.requested_by, created_at = excluded.created_at, expires_at = excluded.expires_at, ended_at = excluded.ended_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO reservations (id, station_id, number, evse_id, id_token, parent, status, reason, transaction_id, requested_by, created_at, expires_at, ended_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO reservations (id, station_id, number, evse_id, id_token, parent, status, reason, transaction_id, requested_by, created_at, expires_at, ended_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE reservations SET station_id=?, number=?, evse_id=?, id_token=?, parent=?, status=?, reason=?, transaction_id=?, requested_by=?, created_at=?, expires_at=?, ended_at=?, version=? WHERE reservations.id = ? AND reservations.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 13),
                exact=True,
            ),
            "remove": Statement("DELETE FROM reservations WHERE reservations.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT reservations.id, reservations.station_id, reservations.number, reservations.evse_id, reservations.id_token, reservations.parent, reservations.status, reservations.reason, reservations.transaction_id, reservations.requested_by, reservations.created_at, reservations.expires_at, reservations.ended_at, reservations.version  FROM reservations  WHERE reservations.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT reservations.id, reservations.station_id, reservations.number, reservations.evse_id, reservations.id_token, reservations.parent, reservations.status, reservations.reason, reservations.transaction_id, reservations.requested_by, reservations.created_at, reservations.expires_at, reservations.ended_at, reservations.version  FROM reservations  WHERE reservations.station_id = ? AND reservations.number = ?",
                (1, 2),
            ),
        ),
    ),
    records.LocalList: CompiledTable(
        name="local_lists",
        columns=(
            "station_id",
            "state",
            "list_version",
            "content",
            "entries",
            "max_length",
            "max_update",
            "firmware_version",
            "asked_at",
            "synced_at",
            "error",
        ),
        cells={"asked_at": "time", "synced_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO local_lists (station_id, state, list_version, content, entries, max_length, max_update, firmware_version, asked_at, synced_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET state = excluded.state, list_version = excluded.list_version, content = excluded.content, entries = excluded.entries, max_length = excluded.max_length, max_update = excluded.max_update, firmware_version = excluded.firmware_version, asked_at = excluded.asked_at, synced_at = excluded.synced_at, error = excluded.error"
            ),
            "add": Statement(
                "INSERT INTO local_lists (station_id, state, list_version, content, entries, max_length, max_update, firmware_version, asked_at, synced_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO local_lists (station_id, state, list_version, content, entries, max_length, max_update, firmware_version, asked_at, synced_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM local_lists WHERE local_lists.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT local_lists.station_id, local_lists.state, local_lists.list_version, local_lists.content, local_lists.entries, local_lists.max_length, local_lists.max_update, local_lists.firmware_version, local_lists.asked_at, local_lists.synced_at, local_lists.error  FROM local_lists  WHERE local_lists.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.LocalListContent: CompiledTable(
        name="local_list_contents",
        columns=("digest", "entries"),
        cells={"entries": "json"},
        statements={
            "save": Statement(
                "INSERT INTO local_list_contents (digest, entries) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET entries = excluded.entries"
            ),
            "add": Statement("INSERT INTO local_list_contents (digest, entries) VALUES (?, ?)"),
            "add_once": Statement(
                "INSERT INTO local_list_contents (digest, entries) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM local_list_contents WHERE local_list_contents.digest = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT local_list_contents.digest, local_list_contents.entries  FROM local_list_contents  WHERE local_list_contents.digest = ?",
                (0,),
            ),
        ),
    ),
    records.KeyedRequest: CompiledTable(
        name="keyed_requests",
        columns=("owner", "key", "digest", "at", "status", "location", "answer", "version"),
        cells={"at": "time", "answer": "json"},
        statements={
            "save": Statement(
                'INSERT INTO keyed_requests (owner, "key", digest, at, status, location, answer, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, "key") DO UPDATE SET digest = excluded.digest, at = excluded.at, status = excluded.status, location = excluded.location, answer = excluded.answer, version = excluded.version'
            ),
            "add": Statement(
                'INSERT INTO keyed_requests (owner, "key", digest, at, status, location, answer, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
            ),
            "add_once": Statement(
                'INSERT INTO keyed_requests (owner, "key", digest, at, status, location, answer, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'
            ),
            "change": Statement(
                'UPDATE keyed_requests SET digest=?, at=?, status=?, location=?, answer=?, version=? WHERE keyed_requests.owner = ? AND keyed_requests."key" = ? AND keyed_requests.version = ? - 1',
                (2, 3, 4, 5, 6, 7, 0, 1, 7),
                exact=True,
            ),
            "remove": Statement(
                'DELETE FROM keyed_requests WHERE keyed_requests.owner = ? AND keyed_requests."key" = ?',
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                'SELECT keyed_requests.owner, keyed_requests."key", keyed_requests.digest, keyed_requests.at, keyed_requests.status, keyed_requests.location, keyed_requests.answer, keyed_requests.version  FROM keyed_requests  WHERE keyed_requests.owner = ? AND keyed_requests."key" = ?',
                (0, 1),
            ),
        ),
    ),
    records.Lease: CompiledTable(
        name="leases",
        columns=("name", "next"),
        cells={},
        statements={
            "save": Statement(
                "INSERT INTO leases (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = excluded.next"
            ),
            "add": Statement("INSERT INTO leases (name, next) VALUES (?, ?)"),
            "add_once": Statement("INSERT INTO leases (name, next) VALUES (?, ?) ON CONFLICT DO NOTHING"),
            "remove": Statement("DELETE FROM leases WHERE leases.name = ?", (0,)),
        },
        lookups=(Lookup("SELECT leases.name, leases.next  FROM leases  WHERE leases.name = ?", (0,)),),
    ),
    records.ConfigurationKey: CompiledTable(
        name="configuration_keys",
        columns=("station_id", "key", "value", "readonly", "at"),
        cells={"readonly": "flag", "at": "time"},
        statements={
            "save": Statement(
                'INSERT INTO configuration_keys (station_id, "key", value, readonly, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (station_id, "key") DO UPDATE SET value = excluded.value, readonly = excluded.readonly, at = excluded.at'
            ),
            "add": Statement(
                'INSERT INTO configuration_keys (station_id, "key", value, readonly, at) VALUES (?, ?, ?, ?, ?)'
            ),
            "add_once": Statement(
                'INSERT INTO configuration_keys (station_id, "key", value, readonly, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'
            ),
            "remove": Statement(
                'DELETE FROM configuration_keys WHERE configuration_keys.station_id = ? AND configuration_keys."key" = ?',
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                'SELECT configuration_keys.station_id, configuration_keys."key", configuration_keys.value, configuration_keys.readonly, configuration_keys.at  FROM configuration_keys  WHERE configuration_keys.station_id = ? AND configuration_keys."key" = ?',
                (0, 1),
            ),
        ),
    ),
    records.ConfigurationTemplate: CompiledTable(
        name="configuration_templates",
        columns=(
            "id",
            "name",
            "station_ids",
            "vendor",
            "model",
            "firmware",
            "configuration",
            "repair",
            "created_at",
            "version",
        ),
        cells={"station_ids": "words", "configuration": "json", "repair": "flag", "created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO configuration_templates (id, name, station_ids, vendor, model, firmware, configuration, repair, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, station_ids = excluded.station_ids, vendor = excluded.vendor, model = excluded.model, firmware = excluded.firmware, configuration = excluded.configuration, repair = excluded.repair, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO configuration_templates (id, name, station_ids, vendor, model, firmware, configuration, repair, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO configuration_templates (id, name, station_ids, vendor, model, firmware, configuration, repair, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE configuration_templates SET name=?, station_ids=?, vendor=?, model=?, firmware=?, configuration=?, repair=?, created_at=?, version=? WHERE configuration_templates.id = ? AND configuration_templates.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 9),
                exact=True,
            ),
            "remove": Statement(
                "DELETE FROM configuration_templates WHERE configuration_templates.id = ?", (0,)
            ),
        },
        lookups=(
            Lookup(
                "SELECT configuration_templates.id, configuration_templates.name, configuration_templates.station_ids, configuration_templates.vendor, configuration_templates.model, configuration_templates.firmware, configuration_templates.configuration, configuration_templates.repair, configuration_templates.created_at, configuration_templates.version  FROM configuration_templates  WHERE configuration_templates.id = ?",
                (0,),
            ),
        ),
    ),
    records.ConfigurationVerdict: CompiledTable(
        name="configuration_verdicts",
        columns=("station_id", "key", "value", "status", "firmware_version", "at"),
        cells={"at": "time"},
        statements={
            "save": Statement(
                'INSERT INTO configuration_verdicts (station_id, "key", value, status, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (station_id, "key") DO UPDATE SET value = excluded.value, status = excluded.status, firmware_version = excluded.firmware_version, at = excluded.at'
            ),
            "add": Statement(
                'INSERT INTO configuration_verdicts (station_id, "key", value, status, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?)'
            ),
            "add_once": Statement(
                'INSERT INTO configuration_verdicts (station_id, "key", value, status, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'
            ),
            "remove": Statement(
                'DELETE FROM configuration_verdicts WHERE configuration_verdicts.station_id = ? AND configuration_verdicts."key" = ?',
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                'SELECT configuration_verdicts.station_id, configuration_verdicts."key", configuration_verdicts.value, configuration_verdicts.status, configuration_verdicts.firmware_version, configuration_verdicts.at  FROM configuration_verdicts  WHERE configuration_verdicts.station_id = ? AND configuration_verdicts."key" = ?',
                (0, 1),
            ),
        ),
    ),
    records.TelegramChat: CompiledTable(
        name="telegram_chats",
        columns=(
            "id",
            "name",
            "private",
            "state",
            "role",
            "language",
            "requested_at",
            "decided_at",
            "decided_by",
            "reason",
            "version",
        ),
        cells={"private": "flag", "requested_at": "time", "decided_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO telegram_chats (id, name, private, state, role, language, requested_at, decided_at, decided_by, reason, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, private = excluded.private, state = excluded.state, role = excluded.role, language = excluded.language, requested_at = excluded.requested_at, decided_at = excluded.decided_at, decided_by = excluded.decided_by, reason = excluded.reason, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO telegram_chats (id, name, private, state, role, language, requested_at, decided_at, decided_by, reason, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO telegram_chats (id, name, private, state, role, language, requested_at, decided_at, decided_by, reason, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE telegram_chats SET name=?, private=?, state=?, role=?, language=?, requested_at=?, decided_at=?, decided_by=?, reason=?, version=? WHERE telegram_chats.id = ? AND telegram_chats.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 10),
                exact=True,
            ),
            "remove": Statement("DELETE FROM telegram_chats WHERE telegram_chats.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT telegram_chats.id, telegram_chats.name, telegram_chats.private, telegram_chats.state, telegram_chats.role, telegram_chats.language, telegram_chats.requested_at, telegram_chats.decided_at, telegram_chats.decided_by, telegram_chats.reason, telegram_chats.version  FROM telegram_chats  WHERE telegram_chats.id = ?",
                (0,),
            ),
        ),
    ),
    records.TelegramInvite: CompiledTable(
        name="telegram_invites",
        columns=("id", "role", "created_by", "created_at", "expires_at", "used_at", "used_by", "version"),
        cells={"created_at": "time", "expires_at": "time", "used_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO telegram_invites (id, role, created_by, created_at, expires_at, used_at, used_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET role = excluded.role, created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = excluded.used_at, used_by = excluded.used_by, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO telegram_invites (id, role, created_by, created_at, expires_at, used_at, used_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO telegram_invites (id, role, created_by, created_at, expires_at, used_at, used_by, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE telegram_invites SET role=?, created_by=?, created_at=?, expires_at=?, used_at=?, used_by=?, version=? WHERE telegram_invites.id = ? AND telegram_invites.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 0, 7),
                exact=True,
            ),
            "remove": Statement("DELETE FROM telegram_invites WHERE telegram_invites.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT telegram_invites.id, telegram_invites.role, telegram_invites.created_by, telegram_invites.created_at, telegram_invites.expires_at, telegram_invites.used_at, telegram_invites.used_by, telegram_invites.version  FROM telegram_invites  WHERE telegram_invites.id = ?",
                (0,),
            ),
        ),
    ),
    records.TelegramInviteSecret: CompiledTable(
        name="telegram_invite_secrets",
        columns=("invite_id", "digest"),
        cells={},
        statements={
            "save": Statement(
                "INSERT INTO telegram_invite_secrets (invite_id, digest) VALUES (?, ?) ON CONFLICT (invite_id) DO UPDATE SET digest = excluded.digest"
            ),
            "add": Statement("INSERT INTO telegram_invite_secrets (invite_id, digest) VALUES (?, ?)"),
            "add_once": Statement(
                "INSERT INTO telegram_invite_secrets (invite_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM telegram_invite_secrets WHERE telegram_invite_secrets.invite_id = ?", (0,)
            ),
        },
        lookups=(
            Lookup(
                "SELECT telegram_invite_secrets.invite_id, telegram_invite_secrets.digest  FROM telegram_invite_secrets  WHERE telegram_invite_secrets.invite_id = ?",
                (0,),
            ),
            Lookup(
                "SELECT telegram_invite_secrets.invite_id, telegram_invite_secrets.digest  FROM telegram_invite_secrets  WHERE telegram_invite_secrets.digest = ?",
                (1,),
            ),
        ),
    ),
    records.ConsumerCursor: CompiledTable(
        name="consumer_cursors",
        columns=("name", "seq", "holder", "held_until", "version"),
        cells={"held_until": "time"},
        statements={
            "save": Statement(
                "INSERT INTO consumer_cursors (name, seq, holder, held_until, version) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, holder = excluded.holder, held_until = excluded.held_until, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO consumer_cursors (name, seq, holder, held_until, version) VALUES (?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO consumer_cursors (name, seq, holder, held_until, version) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE consumer_cursors SET seq=?, holder=?, held_until=?, version=? WHERE consumer_cursors.name = ? AND consumer_cursors.version = ? - 1",
                (1, 2, 3, 4, 0, 4),
                exact=True,
            ),
            "remove": Statement("DELETE FROM consumer_cursors WHERE consumer_cursors.name = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT consumer_cursors.name, consumer_cursors.seq, consumer_cursors.holder, consumer_cursors.held_until, consumer_cursors.version  FROM consumer_cursors  WHERE consumer_cursors.name = ?",
                (0,),
            ),
        ),
    ),
    records.DeferredEvent: CompiledTable(
        name="deferred_events",
        columns=("consumer", "seq", "station_id", "tries", "reason"),
        cells={},
        statements={
            "save": Statement(
                "INSERT INTO deferred_events (consumer, seq, station_id, tries, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT (consumer, seq) DO UPDATE SET station_id = excluded.station_id, tries = excluded.tries, reason = excluded.reason"
            ),
            "add": Statement(
                "INSERT INTO deferred_events (consumer, seq, station_id, tries, reason) VALUES (?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO deferred_events (consumer, seq, station_id, tries, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM deferred_events WHERE deferred_events.consumer = ? AND deferred_events.seq = ?",
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                "SELECT deferred_events.consumer, deferred_events.seq, deferred_events.station_id, deferred_events.tries, deferred_events.reason  FROM deferred_events  WHERE deferred_events.consumer = ? AND deferred_events.seq = ?",
                (0, 1),
            ),
        ),
    ),
    records.StoredFile: CompiledTable(
        name="files",
        columns=(
            "id",
            "kind",
            "name",
            "size_bytes",
            "sha256",
            "station_id",
            "job_id",
            "firmware_version",
            "signature",
            "signing_certificate",
            "created_by",
            "created_at",
        ),
        cells={"created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO files (id, kind, name, size_bytes, sha256, station_id, job_id, firmware_version, signature, signing_certificate, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, size_bytes = excluded.size_bytes, sha256 = excluded.sha256, station_id = excluded.station_id, job_id = excluded.job_id, firmware_version = excluded.firmware_version, signature = excluded.signature, signing_certificate = excluded.signing_certificate, created_by = excluded.created_by, created_at = excluded.created_at"
            ),
            "add": Statement(
                "INSERT INTO files (id, kind, name, size_bytes, sha256, station_id, job_id, firmware_version, signature, signing_certificate, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO files (id, kind, name, size_bytes, sha256, station_id, job_id, firmware_version, signature, signing_certificate, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM files WHERE files.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT files.id, files.kind, files.name, files.size_bytes, files.sha256, files.station_id, files.job_id, files.firmware_version, files.signature, files.signing_certificate, files.created_by, files.created_at  FROM files  WHERE files.id = ?",
                (0,),
            ),
        ),
    ),
    records.Job: CompiledTable(
        name="jobs",
        columns=(
            "id",
            "kind",
            "station_id",
            "campaign_id",
            "state",
            "file_id",
            "via",
            "log",
            "from_at",
            "to_at",
            "firmware_version",
            "begin_at",
            "phase_s",
            "retries",
            "attempts",
            "request_id",
            "status",
            "heard_seq",
            "reason",
            "next_at",
            "expires_at",
            "deadline_at",
            "created_by",
            "created_at",
            "finished_at",
            "version",
        ),
        cells={
            "from_at": "time",
            "to_at": "time",
            "begin_at": "time",
            "next_at": "time",
            "expires_at": "time",
            "deadline_at": "time",
            "created_at": "time",
            "finished_at": "time",
        },
        statements={
            "save": Statement(
                "INSERT INTO jobs (id, kind, station_id, campaign_id, state, file_id, via, log, from_at, to_at, firmware_version, begin_at, phase_s, retries, attempts, request_id, status, heard_seq, reason, next_at, expires_at, deadline_at, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, station_id = excluded.station_id, campaign_id = excluded.campaign_id, state = excluded.state, file_id = excluded.file_id, via = excluded.via, log = excluded.log, from_at = excluded.from_at, to_at = excluded.to_at, firmware_version = excluded.firmware_version, begin_at = excluded.begin_at, phase_s = excluded.phase_s, retries = excluded.retries, attempts = excluded.attempts, request_id = excluded.request_id, status = excluded.status, heard_seq = excluded.heard_seq, reason = excluded.reason, next_at = excluded.next_at, expires_at = excluded.expires_at, deadline_at = excluded.deadline_at, created_by = excluded.created_by, created_at = excluded.created_at, finished_at = excluded.finished_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO jobs (id, kind, station_id, campaign_id, state, file_id, via, log, from_at, to_at, firmware_version, begin_at, phase_s, retries, attempts, request_id, status, heard_seq, reason, next_at, expires_at, deadline_at, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO jobs (id, kind, station_id, campaign_id, state, file_id, via, log, from_at, to_at, firmware_version, begin_at, phase_s, retries, attempts, request_id, status, heard_seq, reason, next_at, expires_at, deadline_at, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE jobs SET kind=?, station_id=?, campaign_id=?, state=?, file_id=?, via=?, log=?, from_at=?, to_at=?, firmware_version=?, begin_at=?, phase_s=?, retries=?, attempts=?, request_id=?, status=?, heard_seq=?, reason=?, next_at=?, expires_at=?, deadline_at=?, created_by=?, created_at=?, finished_at=?, version=? WHERE jobs.id = ? AND jobs.version = ? - 1",
                (
                    1,
                    2,
                    3,
                    4,
                    5,
                    6,
                    7,
                    8,
                    9,
                    10,
                    11,
                    12,
                    13,
                    14,
                    15,
                    16,
                    17,
                    18,
                    19,
                    20,
                    21,
                    22,
                    23,
                    24,
                    25,
                    0,
                    25,
                ),
                exact=True,
            ),
            "remove": Statement("DELETE FROM jobs WHERE jobs.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT jobs.id, jobs.kind, jobs.station_id, jobs.campaign_id, jobs.state, jobs.file_id, jobs.via, jobs.log, jobs.from_at, jobs.to_at, jobs.firmware_version, jobs.begin_at, jobs.phase_s, jobs.retries, jobs.attempts, jobs.request_id, jobs.status, jobs.heard_seq, jobs.reason, jobs.next_at, jobs.expires_at, jobs.deadline_at, jobs.created_by, jobs.created_at, jobs.finished_at, jobs.version  FROM jobs  WHERE jobs.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT jobs.id, jobs.kind, jobs.station_id, jobs.campaign_id, jobs.state, jobs.file_id, jobs.via, jobs.log, jobs.from_at, jobs.to_at, jobs.firmware_version, jobs.begin_at, jobs.phase_s, jobs.retries, jobs.attempts, jobs.request_id, jobs.status, jobs.heard_seq, jobs.reason, jobs.next_at, jobs.expires_at, jobs.deadline_at, jobs.created_by, jobs.created_at, jobs.finished_at, jobs.version  FROM jobs  WHERE jobs.station_id = ? AND jobs.kind = ? AND state IN ('requested', 'transferring', 'installing')",
                (2, 1),
            ),
        ),
    ),
    records.TransferSecret: CompiledTable(
        name="transfer_secrets",
        columns=("job_id", "digest"),
        cells={},
        statements={
            "save": Statement(
                "INSERT INTO transfer_secrets (job_id, digest) VALUES (?, ?) ON CONFLICT (job_id) DO UPDATE SET digest = excluded.digest"
            ),
            "add": Statement("INSERT INTO transfer_secrets (job_id, digest) VALUES (?, ?)"),
            "add_once": Statement(
                "INSERT INTO transfer_secrets (job_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM transfer_secrets WHERE transfer_secrets.job_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT transfer_secrets.job_id, transfer_secrets.digest  FROM transfer_secrets  WHERE transfer_secrets.job_id = ?",
                (0,),
            ),
            Lookup(
                "SELECT transfer_secrets.job_id, transfer_secrets.digest  FROM transfer_secrets  WHERE transfer_secrets.digest = ?",
                (1,),
            ),
        ),
    ),
    records.Campaign: CompiledTable(
        name="campaigns",
        columns=(
            "id",
            "name",
            "kind",
            "file_id",
            "state",
            "stations",
            "concurrency",
            "stop_after_failures",
            "forgiven",
            "reason",
            "created_by",
            "created_at",
            "finished_at",
            "version",
        ),
        cells={"created_at": "time", "finished_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO campaigns (id, name, kind, file_id, state, stations, concurrency, stop_after_failures, forgiven, reason, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, file_id = excluded.file_id, state = excluded.state, stations = excluded.stations, concurrency = excluded.concurrency, stop_after_failures = excluded.stop_after_failures, forgiven = excluded.forgiven, reason = excluded.reason, created_by = excluded.created_by, created_at = excluded.created_at, finished_at = excluded.finished_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO campaigns (id, name, kind, file_id, state, stations, concurrency, stop_after_failures, forgiven, reason, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO campaigns (id, name, kind, file_id, state, stations, concurrency, stop_after_failures, forgiven, reason, created_by, created_at, finished_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE campaigns SET name=?, kind=?, file_id=?, state=?, stations=?, concurrency=?, stop_after_failures=?, forgiven=?, reason=?, created_by=?, created_at=?, finished_at=?, version=? WHERE campaigns.id = ? AND campaigns.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 13),
                exact=True,
            ),
            "remove": Statement("DELETE FROM campaigns WHERE campaigns.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT campaigns.id, campaigns.name, campaigns.kind, campaigns.file_id, campaigns.state, campaigns.stations, campaigns.concurrency, campaigns.stop_after_failures, campaigns.forgiven, campaigns.reason, campaigns.created_by, campaigns.created_at, campaigns.finished_at, campaigns.version  FROM campaigns  WHERE campaigns.id = ?",
                (0,),
            ),
        ),
    ),
    records.LibraryProfile: CompiledTable(
        name="library_profiles",
        columns=(
            "id",
            "name",
            "description",
            "purpose",
            "kind",
            "recurrency_kind",
            "stack_level",
            "valid_from",
            "valid_to",
            "schedule",
            "created_at",
            "version",
        ),
        cells={"valid_from": "time", "valid_to": "time", "schedule": "schedule", "created_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO library_profiles (id, name, description, purpose, kind, recurrency_kind, stack_level, valid_from, valid_to, schedule, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, purpose = excluded.purpose, kind = excluded.kind, recurrency_kind = excluded.recurrency_kind, stack_level = excluded.stack_level, valid_from = excluded.valid_from, valid_to = excluded.valid_to, schedule = excluded.schedule, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO library_profiles (id, name, description, purpose, kind, recurrency_kind, stack_level, valid_from, valid_to, schedule, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO library_profiles (id, name, description, purpose, kind, recurrency_kind, stack_level, valid_from, valid_to, schedule, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE library_profiles SET name=?, description=?, purpose=?, kind=?, recurrency_kind=?, stack_level=?, valid_from=?, valid_to=?, schedule=?, created_at=?, version=? WHERE library_profiles.id = ? AND library_profiles.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 11),
                exact=True,
            ),
            "remove": Statement("DELETE FROM library_profiles WHERE library_profiles.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT library_profiles.id, library_profiles.name, library_profiles.description, library_profiles.purpose, library_profiles.kind, library_profiles.recurrency_kind, library_profiles.stack_level, library_profiles.valid_from, library_profiles.valid_to, library_profiles.schedule, library_profiles.created_at, library_profiles.version  FROM library_profiles  WHERE library_profiles.id = ?",
                (0,),
            ),
        ),
    ),
    records.ProfileAssignment: CompiledTable(
        name="profile_assignments",
        columns=(
            "id",
            "station_id",
            "profile_id",
            "evse_id",
            "transaction_id",
            "purpose",
            "stack_level",
            "phases",
            "voltage_v",
            "assigned_by",
            "assigned_at",
        ),
        cells={"assigned_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO profile_assignments (id, station_id, profile_id, evse_id, transaction_id, purpose, stack_level, phases, voltage_v, assigned_by, assigned_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, profile_id = excluded.profile_id, evse_id = excluded.evse_id, transaction_id = excluded.transaction_id, purpose = excluded.purpose, stack_level = excluded.stack_level, phases = excluded.phases, voltage_v = excluded.voltage_v, assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at"
            ),
            "add": Statement(
                "INSERT INTO profile_assignments (id, station_id, profile_id, evse_id, transaction_id, purpose, stack_level, phases, voltage_v, assigned_by, assigned_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO profile_assignments (id, station_id, profile_id, evse_id, transaction_id, purpose, stack_level, phases, voltage_v, assigned_by, assigned_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM profile_assignments WHERE profile_assignments.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT profile_assignments.id, profile_assignments.station_id, profile_assignments.profile_id, profile_assignments.evse_id, profile_assignments.transaction_id, profile_assignments.purpose, profile_assignments.stack_level, profile_assignments.phases, profile_assignments.voltage_v, profile_assignments.assigned_by, profile_assignments.assigned_at  FROM profile_assignments  WHERE profile_assignments.id = ?",
                (0,),
            ),
            Lookup(
                "SELECT profile_assignments.id, profile_assignments.station_id, profile_assignments.profile_id, profile_assignments.evse_id, profile_assignments.transaction_id, profile_assignments.purpose, profile_assignments.stack_level, profile_assignments.phases, profile_assignments.voltage_v, profile_assignments.assigned_by, profile_assignments.assigned_at  FROM profile_assignments  WHERE profile_assignments.station_id = ? AND profile_assignments.evse_id = ? AND profile_assignments.purpose = ? AND profile_assignments.stack_level = ?",
                (1, 3, 5, 6),
            ),
            Lookup(
                "SELECT profile_assignments.id, profile_assignments.station_id, profile_assignments.profile_id, profile_assignments.evse_id, profile_assignments.transaction_id, profile_assignments.purpose, profile_assignments.stack_level, profile_assignments.phases, profile_assignments.voltage_v, profile_assignments.assigned_by, profile_assignments.assigned_at  FROM profile_assignments  WHERE profile_assignments.station_id = ? AND profile_assignments.profile_id = ?",
                (1, 2),
            ),
        ),
    ),
    records.InstalledProfile: CompiledTable(
        name="installed_profiles",
        columns=(
            "station_id",
            "profile_id",
            "evse_id",
            "assignment_id",
            "profile_version",
            "state",
            "status",
            "detail",
            "sent",
            "firmware_version",
            "at",
        ),
        cells={"sent": "json", "at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO installed_profiles (station_id, profile_id, evse_id, assignment_id, profile_version, state, status, detail, sent, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id, profile_id) DO UPDATE SET evse_id = excluded.evse_id, assignment_id = excluded.assignment_id, profile_version = excluded.profile_version, state = excluded.state, status = excluded.status, detail = excluded.detail, sent = excluded.sent, firmware_version = excluded.firmware_version, at = excluded.at"
            ),
            "add": Statement(
                "INSERT INTO installed_profiles (station_id, profile_id, evse_id, assignment_id, profile_version, state, status, detail, sent, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO installed_profiles (station_id, profile_id, evse_id, assignment_id, profile_version, state, status, detail, sent, firmware_version, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM installed_profiles WHERE installed_profiles.station_id = ? AND installed_profiles.profile_id = ?",
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                "SELECT installed_profiles.station_id, installed_profiles.profile_id, installed_profiles.evse_id, installed_profiles.assignment_id, installed_profiles.profile_version, installed_profiles.state, installed_profiles.status, installed_profiles.detail, installed_profiles.sent, installed_profiles.firmware_version, installed_profiles.at  FROM installed_profiles  WHERE installed_profiles.station_id = ? AND installed_profiles.profile_id = ?",
                (0, 1),
            ),
        ),
    ),
    records.ChargingLimits: CompiledTable(
        name="charging_limits",
        columns=(
            "station_id",
            "max_stack_level",
            "rate_units",
            "max_periods",
            "max_installed",
            "accepted",
            "refused",
            "firmware_version",
            "asked_at",
        ),
        cells={"rate_units": "words", "accepted": "words", "refused": "words", "asked_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO charging_limits (station_id, max_stack_level, rate_units, max_periods, max_installed, accepted, refused, firmware_version, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (station_id) DO UPDATE SET max_stack_level = excluded.max_stack_level, rate_units = excluded.rate_units, max_periods = excluded.max_periods, max_installed = excluded.max_installed, accepted = excluded.accepted, refused = excluded.refused, firmware_version = excluded.firmware_version, asked_at = excluded.asked_at"
            ),
            "add": Statement(
                "INSERT INTO charging_limits (station_id, max_stack_level, rate_units, max_periods, max_installed, accepted, refused, firmware_version, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO charging_limits (station_id, max_stack_level, rate_units, max_periods, max_installed, accepted, refused, firmware_version, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM charging_limits WHERE charging_limits.station_id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT charging_limits.station_id, charging_limits.max_stack_level, charging_limits.rate_units, charging_limits.max_periods, charging_limits.max_installed, charging_limits.accepted, charging_limits.refused, charging_limits.firmware_version, charging_limits.asked_at  FROM charging_limits  WHERE charging_limits.station_id = ?",
                (0,),
            ),
        ),
    ),
    records.CompositeSchedule: CompiledTable(
        name="composite_schedules",
        columns=("station_id", "evse_id", "status", "answer", "asked_at"),
        cells={"answer": "json", "asked_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO composite_schedules (station_id, evse_id, status, answer, asked_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (station_id, evse_id) DO UPDATE SET status = excluded.status, answer = excluded.answer, asked_at = excluded.asked_at"
            ),
            "add": Statement(
                "INSERT INTO composite_schedules (station_id, evse_id, status, answer, asked_at) VALUES (?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO composite_schedules (station_id, evse_id, status, answer, asked_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM composite_schedules WHERE composite_schedules.station_id = ? AND composite_schedules.evse_id = ?",
                (0, 1),
            ),
        },
        lookups=(
            Lookup(
                "SELECT composite_schedules.station_id, composite_schedules.evse_id, composite_schedules.status, composite_schedules.answer, composite_schedules.asked_at  FROM composite_schedules  WHERE composite_schedules.station_id = ? AND composite_schedules.evse_id = ?",
                (0, 1),
            ),
        ),
    ),
    records.Subscription: CompiledTable(
        name="subscriptions",
        columns=(
            "id",
            "owner",
            "title",
            "channel",
            "address",
            "kinds",
            "station_ids",
            "location_ids",
            "min_severity",
            "quiet_from",
            "quiet_until",
            "critical_passes",
            "muted_until",
            "time_zone",
            "language",
            "per_minute",
            "report",
            "paused_at",
            "paused_reason",
            "created_at",
            "version",
        ),
        cells={
            "kinds": "words",
            "station_ids": "words",
            "location_ids": "words",
            "critical_passes": "flag",
            "muted_until": "time",
            "paused_at": "time",
            "created_at": "time",
        },
        statements={
            "save": Statement(
                "INSERT INTO subscriptions (id, owner, title, channel, address, kinds, station_ids, location_ids, min_severity, quiet_from, quiet_until, critical_passes, muted_until, time_zone, language, per_minute, report, paused_at, paused_reason, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, title = excluded.title, channel = excluded.channel, address = excluded.address, kinds = excluded.kinds, station_ids = excluded.station_ids, location_ids = excluded.location_ids, min_severity = excluded.min_severity, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, critical_passes = excluded.critical_passes, muted_until = excluded.muted_until, time_zone = excluded.time_zone, language = excluded.language, per_minute = excluded.per_minute, report = excluded.report, paused_at = excluded.paused_at, paused_reason = excluded.paused_reason, created_at = excluded.created_at, version = excluded.version"
            ),
            "add": Statement(
                "INSERT INTO subscriptions (id, owner, title, channel, address, kinds, station_ids, location_ids, min_severity, quiet_from, quiet_until, critical_passes, muted_until, time_zone, language, per_minute, report, paused_at, paused_reason, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO subscriptions (id, owner, title, channel, address, kinds, station_ids, location_ids, min_severity, quiet_from, quiet_until, critical_passes, muted_until, time_zone, language, per_minute, report, paused_at, paused_reason, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "change": Statement(
                "UPDATE subscriptions SET owner=?, title=?, channel=?, address=?, kinds=?, station_ids=?, location_ids=?, min_severity=?, quiet_from=?, quiet_until=?, critical_passes=?, muted_until=?, time_zone=?, language=?, per_minute=?, report=?, paused_at=?, paused_reason=?, created_at=?, version=? WHERE subscriptions.id = ? AND subscriptions.version = ? - 1",
                (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 0, 20),
                exact=True,
            ),
            "remove": Statement("DELETE FROM subscriptions WHERE subscriptions.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT subscriptions.id, subscriptions.owner, subscriptions.title, subscriptions.channel, subscriptions.address, subscriptions.kinds, subscriptions.station_ids, subscriptions.location_ids, subscriptions.min_severity, subscriptions.quiet_from, subscriptions.quiet_until, subscriptions.critical_passes, subscriptions.muted_until, subscriptions.time_zone, subscriptions.language, subscriptions.per_minute, subscriptions.report, subscriptions.paused_at, subscriptions.paused_reason, subscriptions.created_at, subscriptions.version  FROM subscriptions  WHERE subscriptions.id = ?",
                (0,),
            ),
        ),
    ),
    records.SubscriptionSecret: CompiledTable(
        name="subscription_secrets",
        columns=("subscription_id", "purpose", "number", "sealed", "made_at", "expires_at"),
        cells={"made_at": "time", "expires_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO subscription_secrets (subscription_id, purpose, number, sealed, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (subscription_id, purpose, number) DO UPDATE SET sealed = excluded.sealed, made_at = excluded.made_at, expires_at = excluded.expires_at"
            ),
            "add": Statement(
                "INSERT INTO subscription_secrets (subscription_id, purpose, number, sealed, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO subscription_secrets (subscription_id, purpose, number, sealed, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM subscription_secrets WHERE subscription_secrets.subscription_id = ? AND subscription_secrets.purpose = ? AND subscription_secrets.number = ?",
                (0, 1, 2),
            ),
        },
        lookups=(
            Lookup(
                "SELECT subscription_secrets.subscription_id, subscription_secrets.purpose, subscription_secrets.number, subscription_secrets.sealed, subscription_secrets.made_at, subscription_secrets.expires_at  FROM subscription_secrets  WHERE subscription_secrets.subscription_id = ? AND subscription_secrets.purpose = ? AND subscription_secrets.number = ?",
                (0, 1, 2),
            ),
        ),
    ),
    records.SubscriptionHealth: CompiledTable(
        name="subscription_health",
        columns=("subscription_id", "sent_at", "failed_at", "failures", "failing_since", "error"),
        cells={"sent_at": "time", "failed_at": "time", "failing_since": "time"},
        statements={
            "save": Statement(
                "INSERT INTO subscription_health (subscription_id, sent_at, failed_at, failures, failing_since, error) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (subscription_id) DO UPDATE SET sent_at = excluded.sent_at, failed_at = excluded.failed_at, failures = excluded.failures, failing_since = excluded.failing_since, error = excluded.error"
            ),
            "add": Statement(
                "INSERT INTO subscription_health (subscription_id, sent_at, failed_at, failures, failing_since, error) VALUES (?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO subscription_health (subscription_id, sent_at, failed_at, failures, failing_since, error) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement(
                "DELETE FROM subscription_health WHERE subscription_health.subscription_id = ?", (0,)
            ),
        },
        lookups=(
            Lookup(
                "SELECT subscription_health.subscription_id, subscription_health.sent_at, subscription_health.failed_at, subscription_health.failures, subscription_health.failing_since, subscription_health.error  FROM subscription_health  WHERE subscription_health.subscription_id = ?",
                (0,),
            ),
        ),
    ),
    records.Delivery: CompiledTable(
        name="deliveries",
        columns=(
            "id",
            "subscription_id",
            "channel",
            "seq",
            "station_id",
            "kind",
            "severity",
            "at",
            "state",
            "tries",
            "next_at",
            "error",
            "folded_into",
            "detail",
            "ended_at",
        ),
        cells={"at": "time", "next_at": "time", "detail": "json", "ended_at": "time"},
        statements={
            "save": Statement(
                "INSERT INTO deliveries (id, subscription_id, channel, seq, station_id, kind, severity, at, state, tries, next_at, error, folded_into, detail, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET subscription_id = excluded.subscription_id, channel = excluded.channel, seq = excluded.seq, station_id = excluded.station_id, kind = excluded.kind, severity = excluded.severity, at = excluded.at, state = excluded.state, tries = excluded.tries, next_at = excluded.next_at, error = excluded.error, folded_into = excluded.folded_into, detail = excluded.detail, ended_at = excluded.ended_at"
            ),
            "add": Statement(
                "INSERT INTO deliveries (id, subscription_id, channel, seq, station_id, kind, severity, at, state, tries, next_at, error, folded_into, detail, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            "add_once": Statement(
                "INSERT INTO deliveries (id, subscription_id, channel, seq, station_id, kind, severity, at, state, tries, next_at, error, folded_into, detail, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            ),
            "remove": Statement("DELETE FROM deliveries WHERE deliveries.id = ?", (0,)),
        },
        lookups=(
            Lookup(
                "SELECT deliveries.id, deliveries.subscription_id, deliveries.channel, deliveries.seq, deliveries.station_id, deliveries.kind, deliveries.severity, deliveries.at, deliveries.state, deliveries.tries, deliveries.next_at, deliveries.error, deliveries.folded_into, deliveries.detail, deliveries.ended_at  FROM deliveries  WHERE deliveries.id = ?",
                (0,),
            ),
        ),
    ),
}

ADD_EVENT: Final = "INSERT INTO events (at, station_id, transaction_id, kind, payload) VALUES (?, ?, ?, ?, ?)"
