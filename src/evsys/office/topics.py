"""What MQTT topics say of a station, and how Home Assistant is told of them.

Below the prefix, `<station>` being its id with all but letters, digits and `-._~` percent-encoded:

| topic | |
|---|---|
| `availability` | `online` while the topics are kept up |
| `<station>/availability` | `online` while the station is connected |
| `<station>/<evse>/status` | the status of its connector, in the station's word |
| `<station>/<evse>/power_w` | the power; 0 while nothing runs |
| `<station>/<evse>/energy_wh` | the energy register of its meter |
| `<station>/<evse>/session` | the session that runs, or the last one, as JSON (`Session`) |
| `<station>/<evse>/charge/set` | commands: `ON` and `OFF` |
| `<station>/<evse>/charge/result` | what came of a command, as JSON; not retained |

No id token is told: who reads along with a broker is not known here. All is pure: rows and samples in, topics
with their values out.
"""

import re
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from evsys.core.ports import LatestSample
from evsys.core.records import Transaction
from evsys.store.views.stations import StationView

START: Final = b"ON"
STOP: Final = b"OFF"
_encode: Final = msgspec.json.encode


class Names(Struct, frozen=True):
    """How topics are called."""

    prefix: str
    discovery: str
    """Home Assistant's prefix."""

    @property
    def availability(self) -> str:
        return f"{self.prefix}/availability"

    @property
    def client_id(self) -> str:
        """Who we are to the broker, in letters that every broker takes."""
        return _slug(self.prefix)

    @property
    def commands(self) -> str:
        """The pattern of the topics of commands."""
        return f"{self.prefix}/+/+/charge/set"

    @property
    def kept(self) -> tuple[str, ...]:
        """The patterns of all that is retained."""
        own = f"{self.prefix}/+"
        return f"{own}/availability", f"{own}/+/+", f"{self.discovery}/+/+/+/config"

    def of(self, station_id: str, *rest: str) -> str:
        return "/".join((self.prefix, quote(station_id, safe=""), *rest))

    def node(self, station_id: str) -> str:
        """The name of a station in Home Assistant, in the letters that it allows, and of no other station."""
        return f"{_slug(self.prefix)}__{_slug(station_id)}"

    def ours(self, topic: str) -> bool:
        """Whether a retained topic is one that we alone write."""
        if topic.startswith(f"{self.discovery}/"):
            return topic.split("/")[-3].startswith(f"{_slug(self.prefix)}__")
        return topic.startswith(f"{self.prefix}/") and not topic.endswith("/set")

    def command(self, topic: str) -> tuple[str, int] | None:
        """The station and the EVSE that a command is for; None where it is no topic of commands."""
        found = re.fullmatch(rf"{re.escape(self.prefix)}/([^/]+)/([1-9][0-9]{{0,8}})/charge/set", topic)
        return (unquote(found[1]), int(found[2])) if found else None


class Session(Struct, frozen=True, kw_only=True):
    """A session in a topic. All but `active` is null where none is known."""

    active: bool
    transaction_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    energy_wh: int | None = None
    """What it has taken so far, or took."""
    soc_percent: float | None = None
    """The state of charge of the car, where the station tells it."""
    stop_reason: str | None = None


class Place(Struct, frozen=True, kw_only=True):
    """What is known of an EVSE beside its station's rows."""

    last: Transaction | None = None
    """The transaction that began last."""
    sample: LatestSample | None = None
    """What was measured last."""


Commands = Literal["none", "stop", "both"]
"""What is taken by MQTT; to start, there must be a token to start with."""


def topics_of(
    view: StationView, places: dict[int, Place], names: Names, commands: Commands = "none"
) -> dict[str, bytes]:
    """All topics of a station, those for Home Assistant as well. `places`: by EVSE."""
    online = view.status is not None and view.status.connected
    topics = {names.of(view.id, "availability"): b"online" if online else b"offline"}
    discovered = _Discovered(view, names)
    discovered.station(topics)
    evses = {each.evse_id for each in view.connectors} | {each.evse_id for each in view.open_transactions}
    for evse_id in sorted((evses | set(places)) - {0}):
        topics |= _values(view, evse_id, places.get(evse_id, Place()), names)
        discovered.evse(topics, evse_id, commands)
    return topics


def _values(view: StationView, evse_id: int, place: Place, names: Names) -> dict[str, bytes]:
    running = [each for each in view.open_transactions if each.evse_id == evse_id]
    transaction = running[-1] if running else place.last
    values: dict[str, str] = {}
    if status := _status(view, evse_id):
        values["status"] = status
    power_w, register_wh = _measured(transaction, bool(running), place.sample)
    values["power_w"] = f"{power_w:.0f}"
    if register_wh is not None:
        values["energy_wh"] = f"{register_wh:.0f}"
    topics = {names.of(view.id, str(evse_id), name): value.encode() for name, value in values.items()}
    session = _session(transaction, bool(running), place.sample)
    topics[names.of(view.id, str(evse_id), "session")] = _encode(session)
    return topics


def _status(view: StationView, evse_id: int) -> str:
    """The status of an EVSE: of its connectors, the one in use counts."""
    found = [each.status for each in view.connectors if each.evse_id == evse_id]
    return next((status for status in found if status != "Available"), found[0] if found else "")


def _measured(
    transaction: Transaction | None, running: bool, sample: LatestSample | None
) -> tuple[float, float | None]:
    """The power in W, and the energy register in Wh where it is known."""
    of_session = sample is not None and transaction is not None and sample.transaction_id == transaction.id
    register: float | None = sample.energy_wh if sample is not None else None
    if transaction is not None and (register is None or (of_session and not running)):
        end = transaction.meter_stop_wh
        register = float(transaction.meter_start_wh if end is None else end)
    if running:
        return (sample.power_w if sample is not None and of_session else None) or 0.0, register
    if sample is not None and not sample.transaction_id:
        return sample.power_w or 0.0, register
    return 0.0, register


def _session(transaction: Transaction | None, running: bool, sample: LatestSample | None) -> Session:
    if transaction is None:
        return Session(active=False)
    of_it = sample if sample is not None and sample.transaction_id == transaction.id else None
    energy_wh = transaction.energy_wh
    if running and of_it is not None and of_it.energy_wh is not None:
        energy_wh = max(round(of_it.energy_wh) - transaction.meter_start_wh, energy_wh or 0)
    return Session(
        active=running,
        transaction_id=transaction.id,
        started_at=transaction.started_at,
        ended_at=transaction.ended_at,
        energy_wh=energy_wh if energy_wh is not None or not running else 0,
        soc_percent=of_it.soc_percent if of_it is not None else None,
        stop_reason=transaction.stop_reason or None,
    )


class _Discovered:
    """The discovery messages of a station
    (https://www.home-assistant.io/integrations/mqtt/#discovery-messages)."""

    def __init__(self, view: StationView, names: Names) -> None:
        self._view = view
        self._names = names
        self._node = names.node(view.id)
        status = view.status
        device: dict[str, object] = {"identifiers": [self._node], "name": view.title or view.id}
        if status is not None:
            told = {
                "manufacturer": status.vendor,
                "model": status.model,
                "sw_version": status.firmware_version,
                "serial_number": status.serial_number or status.charge_box_serial_number,
            }
            device |= {name: value for name, value in told.items() if value}
        self._device = device

    def station(self, topics: dict[str, bytes]) -> None:
        state = {
            "name": "Connected",
            "state_topic": self._names.of(self._view.id, "availability"),
            "payload_on": "online",
            "payload_off": "offline",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        }
        self._put(topics, "binary_sensor", "connected", state, of_station=False)

    def evse(self, topics: dict[str, bytes], evse_id: int, commands: Commands) -> None:
        session, soc = f"{evse_id}/session", "{{ value_json.soc_percent }}"
        energy = {"unit_of_measurement": "Wh", "device_class": "energy", "state_class": "total_increasing"}
        power = {"unit_of_measurement": "W", "device_class": "power", "state_class": "measurement"}
        battery = {"unit_of_measurement": "%", "device_class": "battery", "state_class": "measurement"}
        sensors: tuple[tuple[str, str, str, dict[str, str]], ...] = (
            ("status", "status", f"{evse_id}/status", {}),
            ("power", "power", f"{evse_id}/power_w", power),
            ("energy", "energy", f"{evse_id}/energy_wh", energy),
            (
                "session_energy",
                "session energy",
                session,
                energy | {"value_template": "{{ value_json.energy_wh }}"},
            ),
            ("soc", "state of charge", session, battery | {"value_template": soc}),
        )
        for key, name, topic, more in sensors:
            state = {"name": f"EVSE {evse_id} {name}", "state_topic": self._topic(topic), **more}
            self._put(topics, "sensor", f"{evse_id}_{key}", state)
        order = {"command_topic": self._topic(f"{evse_id}/charge/set")}
        if commands == "both":
            switch = {
                "name": f"EVSE {evse_id} charging",
                "state_topic": self._topic(session),
                "value_template": "{{ 'ON' if value_json.active else 'OFF' }}",
                "payload_on": START.decode(),
                "payload_off": STOP.decode(),
            }
            self._put(topics, "switch", f"{evse_id}_charge", order | switch)
        elif commands == "stop":
            button = {"name": f"EVSE {evse_id} stop charging", "payload_press": STOP.decode()}
            self._put(topics, "button", f"{evse_id}_stop", order | button)

    def _topic(self, rest: str) -> str:
        return self._names.of(self._view.id, rest)

    def _put(
        self,
        topics: dict[str, bytes],
        component: str,
        key: str,
        config: dict[str, str],
        of_station: bool = True,
    ) -> None:
        """`of_station`: whether the entity is there only while the station is connected."""
        available = [{"topic": self._names.availability}]
        if of_station:
            available.append({"topic": self._names.of(self._view.id, "availability")})
        message = {
            **config,
            "unique_id": f"{self._node}_{key}",
            "availability": available,
            "availability_mode": "all",
            "device": self._device,
            "origin": {"name": "EVSYS"},
        }
        topics[f"{self._names.discovery}/{component}/{self._node}/{key}/config"] = _encode(message)


def _slug(text: str) -> str:
    """The text in letters, digits, `-` and `_`, each other text as another one."""
    return "".join(
        each if each.isascii() and (each.isalnum() or each == "-") else _escaped(each) for each in text
    )


def _escaped(letter: str) -> str:
    return "".join(f"_{byte:02x}" for byte in letter.encode())
