"""The composition roots: one function per role, each putting its process together from the rooms.

A role is told everything by its `Assignment`: the configuration and the sockets that the supervisor bound. It
reports on its standard output when it serves, or why it cannot, and runs until it is told to stop: by
SIGTERM, or by the end of its lifeline, which is the supervisor's death. Shutdown goes top-down: first nothing
new is accepted, then what is under way ends, then the ground floor is let go. Each role imports what it needs
itself, so that no process loads the rooms of another.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import structlog
from msgspec import Struct

from evsys.config import ROOT_FILE, Api, Config, FilesFtp, Mqtt, Tls, ca_folder
from evsys.log import configure, escaped

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from evsys.bots.mqtt import MqttDoor
    from evsys.bots.telegram import TelegramDoor
    from evsys.core.alarms import Rule
    from evsys.core.ports import Bus
    from evsys.core.records import AlarmKind
    from evsys.core.workarounds import Models
    from evsys.csms.node import Node
    from evsys.files.ftp import FtpExchange
    from evsys.gateway.server import Gateway
    from evsys.gateway.tls import Certificates, TlsFiles
    from evsys.metrics import Tallies
    from evsys.notify.notifier import Notifier
    from evsys.office.authority import Signer
    from evsys.office.files import FileSettings
    from evsys.office.office import Office
    from evsys.office.wirelog import Wire
    from evsys.store.sqlite import SqliteStore

Role = Literal["writer", "gateway", "office"]

LIFELINE: Final = 0
"""Standard input, whose end means that the supervisor is gone."""
REPORT: Final = 1
"""Standard output, where the supervisor reads one line."""
READY: Final = "ready"
"""Followed by the path of a link, where nobody can sign in yet."""
REFUSED: Final = "refused: "
"""Before a reason that the next process would have too."""
BEGIN: Final = b"\n"
"""What the supervisor says on standard input when a process may begin."""

SHARED_ROOMS: Final = ("evsys.store.writer", "evsys.store.migrating", "evsys.store.sqlite")
"""What takes long to load and every process needs: loaded once, before they are forked."""
ROOMS: Final[dict[Role, tuple[str, ...]]] = {
    "writer": (),
    "gateway": ("evsys.gateway.server", "evsys.csms.node", "evsys.ocpp.v16"),
    "office": ("evsys.api.app", "evsys.api.metrics", "evsys.api.serving"),
}
"""What takes long to load and one needs: it does so while others still begin."""

OF_API: Final = frozenset(("/api", "/health"))
BELOW_API: Final = ("/api/", "/health/")
"""The paths of the API; all others are the console's."""

OFFICE_NICENESS: Final = 10
"""What people ask gives way to what stations say, where both want a core: it weighs a ninth. Gateway and
writer are never put back: a station waits for both."""
OBJECTS_BEFORE_COLLECTION: Final = 50_000
"""New objects in the gateway after which those without a user are looked for in cycles. A thousand turns
under way are more than the usual 700 by far, and none of them is in a cycle: to look each time took 8 % of
its CPU."""

log = structlog.get_logger()


class CannotStart(Exception):
    """What the machine refuses: the text says what and where, in one line."""


class Assignment(Struct, frozen=True, kw_only=True):
    """What the supervisor tells a process of itself."""

    config: Config
    database: str
    """The file, absolute."""
    server_key: bytes
    """What digests of stations' passwords are made with."""
    writer_address: str
    bus_address: str
    sockets: dict[str, int]
    """Descriptors of listening sockets: `ocpp`, `api`, `metrics`, `files.http`, `files.ftp`, `writer`, `bus`,
    as far as the role has them."""


class SystemClock:
    """The machine's time (`core.ports.Clock`)."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def microseconds(self) -> int:
        return time.time_ns() // 1000


def run_assigned(role: Role, assignment: Assignment) -> int:
    """The life of a process behind the supervisor. Returns its exit status."""
    try:
        configure(role, debug=assignment.config.is_debug)
        if role == "office":
            os.nice(OFFICE_NICENESS)
        for room in ROOMS[role]:
            import_module(room)
        if os.read(LIFELINE, len(BEGIN)):  # else the supervisor is gone before it said anything
            _RUN[role](assignment)
    except CannotStart as refusal:
        _report(f"{REFUSED}{refusal}")
        return 1
    except Exception as error:
        # The border of the process: the supervisor starts another, and tells the reason if that is no better.
        log.exception("the process ends")
        _report(f"{role}: {type(error).__name__}: {error}")
        return 1
    return 0


def _report(said: str) -> None:
    """Tell the supervisor, which reads one line."""
    with contextlib.suppress(OSError):
        os.write(REPORT, escaped(said).encode() + b"\n")
    os.dup2(sys.stderr.fileno(), REPORT)  # nobody reads a second line: what strays there is for the log


def _run_writer(assignment: Assignment) -> None:
    """The only process that writes to the database file. It brings the schema up to date first."""
    from evsys.store import writer
    from evsys.store.connections import DatabaseFailure
    from evsys.store.copying import BadCopy
    from evsys.store.migrating import WrongDatabase, migrate

    path = Path(assignment.database)
    try:
        migrate(path)
    except (WrongDatabase, BadCopy, DatabaseFailure) as error:
        raise CannotStart(f"database.url: {error}") from None
    except OSError as error:
        raise CannotStart(f"database.url: {error.filename or path}: {error.strerror}") from None
    _report(READY)  # who connects before it listens waits in the kernel
    writer.run(assignment.sockets["writer"], path, LIFELINE, say=log.error)


def _run_gateway(assignment: Assignment) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_gateway(assignment))


def _run_office(assignment: Assignment) -> None:
    asyncio.run(_office(assignment))


_RUN: Final[dict[Role, Callable[[Assignment], None]]] = {
    "writer": _run_writer,
    "gateway": _run_gateway,
    "office": _run_office,
}


def _models(config: Config) -> "Models":
    """The model profiles that are known. Raises CannotStart."""
    from evsys.model_profiles.loading import BadProfiles, load

    try:
        return load(config.profiles_folder)
    except BadProfiles as error:
        raise CannotStart(error.problems[0]) from None


async def _gateway(assignment: Assignment) -> None:
    """The stations' sockets and turns. Nothing else runs on this loop."""
    from prometheus_client import CollectorRegistry

    from evsys.bus.local import LocalHub
    from evsys.core.facts import Policy
    from evsys.core.ports import GATEWAY_METRICS, WIRE
    from evsys.csms.node import Node, NodeSettings
    from evsys.gateway.admission import capacity
    from evsys.gateway.server import Gateway, GatewaySettings
    from evsys.gateway.station_index import StationIndex
    from evsys.gateway.tls import Certificates
    from evsys.metrics import StoreMetrics, Tallies, text
    from evsys.ocpp.v16 import V16
    from evsys.store.sqlite import SqliteStore

    stop = _stop_wanted()
    config = assignment.config
    registry = CollectorRegistry()
    async with AsyncExitStack() as closing:
        store = await SqliteStore.open(
            Path(assignment.database),
            assignment.writer_address,
            client="gateway",
            observe=StoreMetrics(registry).observe,
        )
        closing.push_async_callback(store.close)
        hub = LocalHub()
        await hub.start(_socket(assignment, "bus"))
        closing.push_async_callback(hub.close)
        index = StationIndex()
        node = Node(
            store,
            hub,
            {"ocpp1.6": V16},
            Policy(
                accept_unknown_tokens=config.accept_unknown_tag,
                heartbeat_interval_s=config.heartbeat_interval,
                boot_retry_s=config.boot_retry_interval,
                abandoned_after_s=config.abandoned_after,
                data_transfer_vendors=config.data_transfer.vendors,
            ),
            NodeSettings(
                call_timeout_s=config.call_timeout,
                measurands=config.meter_values_measurands,
                sample_interval_s=config.meter_value_sample_interval,
                models=_models(config),
                wire_log=config.wire_log.enabled or config.is_debug,
            ),
            SystemClock(),
            index=index,
        )
        files = station_files(config)
        certificates = Certificates(files) if files is not None else None
        if certificates is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificates.reload)
        gateway = Gateway(
            node,
            index,
            GatewaySettings(
                paths=config.listen.paths,
                accept_unknown=config.accept_unknown_chp,
                assume_protocol=config.listen.assume_protocol,
                ping_interval_s=config.listen.ping_interval,
                heartbeat_interval_s=config.heartbeat_interval,
                server_key=assignment.server_key,
                organisation=config.ca.organisation,
            ),
            [] if config.listen.tls_enabled else [_socket(assignment, "ocpp")],
            [_socket(assignment, name) for name in _secure(config) if name in assignment.sockets],
            certificates,
            capacity(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )
        _tally(Tallies(registry), store, node, gateway)

        if config.is_debug:
            hub.subscribe(WIRE, _log_frames)

        async def metrics(_payload: bytes) -> bytes:
            return text(registry)

        await node.start()
        revoked = await store.revoked_certificates()
        index.fill(await store.stations(), await store.credentials(), revoked)
        hub.serve(GATEWAY_METRICS, metrics)
        gateway.start()
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked through for cycles again
        gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
        _report(READY)
        await stop.wait()
        gateway.stop_accepting()
        await node.stop()
        await gateway.stop()


def _log_frames(_subject: str, payload: bytes) -> None:
    """The frames of a station that the node has published, each an entry of the log (is_debug)."""
    from evsys.core.ports import WirePiece

    piece = msgspec.msgpack.decode(payload, type=WirePiece)
    for at_us, direction, frame in piece.frames:
        log.debug(
            "frame",
            station=piece.station_id,
            at=datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(),
            direction=direction,
            frame=frame.decode("utf-8", "replace"),
        )


def _tally(tallies: "Tallies", store: "SqliteStore", node: "Node", gateway: "Gateway") -> None:
    """What the gateway's process counts."""
    links, turns = gateway.counts, node.shared.counts
    tallies.gauge("evsys_connections", "Sockets of stations now open", lambda: gateway.admission.live)
    tallies.gauge("evsys_handshakes_pending", "Handshakes under way", lambda: gateway.admission.pending)
    tallies.count("evsys_connections_accepted", "Handshakes that made a connection", lambda: links.accepted)
    tallies.count("evsys_connections_beyond_capacity", "Sockets closed for want of room", lambda: links.full)
    tallies.counts(
        "evsys_handshakes_refused",
        "Handshakes refused, by HTTP status",
        "status",
        lambda: {str(status): number for status, number in links.refused.items()},
    )
    tallies.counts("evsys_connections_cut", "Connections ended by us, by reason", "reason", lambda: links.cut)
    tallies.count("evsys_frames_received", "Messages from stations", lambda: turns.frames_in)
    tallies.count("evsys_frames_sent", "Messages to stations", lambda: turns.frames_out)
    tallies.counts("evsys_calls", "CALLs to stations, by outcome", "outcome", lambda: turns.calls)
    tallies.counts(
        "evsys_turns",
        "CALLs of stations by outcome, and turns that were taken again",
        "outcome",
        lambda: {
            "answered": turns.answered,
            "refused": turns.refused,
            "failed": turns.failed,
            "retaken": turns.retaken,
            "conflict": turns.conflicts,
        },
    )
    tallies.gauge("evsys_store_queued_works", "Works waiting for the next commit", lambda: store.queued)


async def _office(assignment: Assignment) -> None:
    """What people and programs ask: the API, and the metrics' page."""
    from prometheus_client import CollectorRegistry

    from evsys.api.app import create_app
    from evsys.api.metrics import create_metrics_app
    from evsys.api.serving import http_server
    from evsys.bus.local import LocalClient
    from evsys.files.http import FileExchange
    from evsys.metrics import OfficeMetrics, Tallies
    from evsys.office.office import Office
    from evsys.office.sign_in import LINK_PATH
    from evsys.store.sqlite import SqliteStore
    from evsys.store.views.reader import Reader

    stop = _stop_wanted()
    api = assignment.config.api
    database = Path(assignment.database)
    registry = CollectorRegistry()
    async with AsyncExitStack() as closing:
        store = await SqliteStore.open(database, assignment.writer_address, client="office")
        closing.push_async_callback(store.close)
        reader = Reader(database)
        closing.callback(reader.close)
        bus = LocalClient(assignment.bus_address)
        await bus.start()
        closing.push_async_callback(bus.close)
        clock = SystemClock()
        wire = _wire_log(assignment, bus, clock)
        office = Office(
            store,
            reader,
            bus,
            clock,
            assignment.server_key,
            _file_settings(assignment),
            wire,
            _signer(assignment.config),
            assignment.config.ca.organisation,
            _models(assignment.config),
            assignment.config.local_lists.enabled,
            offers_tls=station_files(assignment.config) is not None,
            notifiers=_notifiers(assignment.config),
            alarm_rules=_alarm_rules(assignment.config),
        )
        Tallies(registry).counts(
            "evsys_charging_profiles_told",
            "Charging profiles told to stations, by what came of it",
            "state",
            lambda: office.profile_keeping.told,
        )
        office.files.start()
        app = by_path(
            create_app(office, OfficeMetrics(registry), api.key_required),
            lambda: _console(office, api),
        )
        doors = _Doors()
        servers = [(http_server(app, doors.open(api)), "api")]
        if "metrics" in assignment.sockets:
            servers.append((http_server(create_metrics_app(office, registry)), "metrics"))
        files = assignment.config.files
        if "files.http" in assignment.sockets:
            exchange = FileExchange(office.jobs, office.files)
            servers.append((http_server(exchange, doors.open(files.http)), "files.http"))
        if "files.ftp" in assignment.sockets:
            ftp = _ftp_exchange(office, files.ftp, _socket(assignment, "files.ftp"))
            doors.open(files.ftp, ftp.renew)
            ftp.start()
            closing.push_async_callback(ftp.stop)
        bots = _bots(assignment.config, office, Tallies(registry))
        async with asyncio.TaskGroup() as serving:
            working = serving.create_task(office.work())
            looking = serving.create_task(doors.look())
            beside = [serving.create_task(bot.run()) for bot in bots]
            keeping = serving.create_task(wire.run()) if wire is not None else None
            for server, name in servers:
                serving.create_task(server.serve(sockets=[_socket(assignment, name)]))
            gc.collect()
            gc.freeze()
            link = await office.sign_in.first_link()
            _report(READY if link is None else f"{READY} {LINK_PATH}{link}")
            await stop.wait()
            await office.feed.close()
            office.sign_in.close()
            for server, _ in servers:
                server.stop()
            for bot in beside:
                bot.cancel()
            working.cancel()
            looking.cancel()
            if keeping is not None:
                keeping.cancel()
        if wire is not None:
            wire.close()


def _notifiers(config: Config) -> "dict[str, Notifier]":
    """The channels that messages leave by, each from its file. What is heavy of them is loaded when the first
    message leaves."""
    from evsys.notify.notifier import Notifier
    from evsys.plug import plugged

    return {
        name: plugged("evsys.notify", name, Notifier)(keys)  # type: ignore[call-arg, type-abstract]  # see there
        for name, keys in config.channels.items()
    }


def by_path(api: "ASGIApp", console: Callable[[], "ASGIApp"]) -> "ASGIApp":
    """One application of two doors: the API has its paths, the console all others. The console is made when
    the first browser asks: programs do not wait for it."""
    made: list[ASGIApp] = []

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        path = scope["path"]
        if path in OF_API or path.startswith(BELOW_API):
            await api(scope, receive, send)
            return
        if not made:
            made.append(console())
        await made[0](scope, receive, send)

    return app


def _console(office: "Office", api: Api) -> "ASGIApp":
    from evsys.console.app import create_console
    from evsys.console.visitors import Settings

    return create_console(office, Settings(secure=api.is_secure, url=api.url.rstrip("/")))


def _signer(config: Config) -> "Signer | None":
    """Who signs stations' certificates, where there is anybody. One that cannot be read is told, and stations
    are served all the same."""
    from evsys.core.errors import AuthorityUnavailable
    from evsys.office.authority import OwnAuthority, RemoteAuthority

    if config.ca.url:
        return RemoteAuthority(config.ca.url)
    try:
        return OwnAuthority.open(ca_folder(config), config.ca.passphrase, config.ca.days)
    except AuthorityUnavailable as error:
        log.error("no certificates can be signed", reason=str(error))
        return None


def _alarm_rules(config: Config) -> "dict[AlarmKind, Rule]":
    """The rules of the configuration over those of the program."""
    from evsys.core.alarms import DEFAULTS, MEASURED_BY, wanted
    from evsys.core.records import AlarmRule

    rules = {}
    for kind, rule in DEFAULTS.items():
        section = getattr(config.alarms, kind)
        said = AlarmRule(
            kind=kind,
            enabled=section.enabled,
            severity=section.severity or None,
            repeat_s=section.repeat or None,
        )
        measured = {MEASURED_BY[kind]: section.threshold or None}
        rules[kind] = wanted(rule, msgspec.structs.replace(said, **measured))
    return rules


def _file_settings(assignment: Assignment) -> "FileSettings":
    """Files lie beside the database."""
    from evsys.office.files import FileSettings

    files = assignment.config.files
    return FileSettings(
        folder=Path(f"{assignment.database}.files"),
        max_file_bytes=files.max_megabytes * 2**20,
        max_total_bytes=files.total_megabytes * 2**20,
        http_url=files.http.reached_at if files.http.enabled else "",
        ftp_url=files.ftp.reached_at if files.ftp.enabled else "",
    )


def _ftp_exchange(office: "Office", ftp: FilesFtp, listening: socket.socket) -> "FtpExchange":
    """The FTP server; its library is loaded where it is wanted alone."""
    from evsys.files.ftp import FtpExchange, FtpSettings

    settings = FtpSettings(
        public_address=ftp.public_address,
        passive_ports=ftp.passive,
        cert_file=ftp.cert_file if ftp.tls_enabled else "",
        key_file=ftp.key_file if ftp.tls_enabled else "",
    )
    return FtpExchange(office.jobs, office.files, settings, listening)


def _bots(config: Config, office: "Office", tallies: "Tallies") -> "list[MqttDoor | TelegramDoor]":
    """The doors to others' servers; their libraries are loaded where they are wanted alone."""
    bots: list[MqttDoor | TelegramDoor] = []
    if config.mqtt.enabled:
        bots.append(mqtt := _mqtt(config.mqtt, office))
        tallies.gauge("evsys_mqtt_connected", "Whether there is a link to the MQTT broker", mqtt.is_connected)
    if config.telegram.enabled:
        bots.append(telegram := _telegram(config, office))
        tallies.gauge("evsys_telegram_polling", "Whether Telegram answers the bot", telegram.is_polling)
    return bots


def _telegram(config: Config, office: "Office") -> "TelegramDoor":
    from evsys.bots.telegram import TelegramDoor

    return TelegramDoor(office, config.telegram)


def _mqtt(config: Mqtt, office: "Office") -> "MqttDoor":
    from evsys.bots.mqtt import MqttDoor
    from evsys.bots.mqtt_link import MqttSettings
    from evsys.office.topics import Names

    names = Names(config.topic_prefix, config.discovery_prefix)
    settings = MqttSettings(
        host=config.host,
        port=config.port,
        username=config.username,
        password=config.password,
        tls=config.tls_enabled,
        ca_file=config.ca_file,
        client_id=names.client_id,
        availability=names.availability,
    )
    return MqttDoor(office, settings, names, config.commands, config.id_token)


def _wire_log(assignment: Assignment, bus: "Bus", clock: SystemClock) -> "Wire | None":
    """The wire log, where it is wanted and its file can be used: it may be lost, sessions may not."""
    from evsys.office.wirelog import Wire
    from evsys.store.connections import DatabaseFailure
    from evsys.store.wirelog import WireStore

    settings = assignment.config.wire_log
    if not settings.enabled:
        return None
    path = Path(f"{assignment.database}.wire")
    try:
        return Wire(WireStore(path, settings.days, settings.max_megabytes * 2**20), bus, clock)
    except DatabaseFailure as error:
        log.error("the wire log cannot be kept", file=str(path), reason=str(error))
        return None


def _secure(config: Config) -> tuple[str, ...]:
    """The stations' sockets that speak TLS."""
    return ("ocpp",) if config.listen.tls_enabled else ("ocpps",)


def station_files(config: Config) -> "TlsFiles | None":
    """The files of the stations' listeners that speak TLS; None where there are none."""
    from evsys.gateway.tls import TlsFiles

    listen = config.listen
    if not (listen.tls_enabled or listen.tls_port):
        return None
    pairs = ((listen.cert_file, listen.key_file), (listen.second_cert_file, listen.second_key_file))
    roots = (listen.client_ca_file, str(ca_folder(config) / ROOT_FILE))
    return TlsFiles(
        certificates=tuple(pair for pair in pairs if pair[0]), roots=tuple(root for root in roots if root)
    )


def check_certificates(config: Config) -> None:
    """Load all certificates once, so that a wrong file is told before anything is served. Raises
    CannotStart."""
    from evsys.gateway.tls import context_of

    for name, listener in (
        ("api", config.api),
        ("files.http", config.files.http),
        ("files.ftp", config.files.ftp),
    ):
        try:
            if listener.tls_enabled:
                context_of(_door_files(listener))
        except OSError as error:  # ssl.SSLError is one
            raise CannotStart(f"{name}.cert_file or {name}.key_file: {error.strerror or error}") from None
    files = station_files(config)
    try:
        if files is not None:
            context_of(files)
    except OSError as error:
        raise CannotStart(f"listen.cert_file or listen.key_file: {error}") from None


def _door_files(door: Tls) -> "TlsFiles":
    from evsys.gateway.tls import TlsFiles

    return TlsFiles(certificates=((door.cert_file, door.key_file),))


class _Doors:
    """The certificates of people's listeners and of the stations' files, which change while they serve."""

    def __init__(self) -> None:
        self._certificates: list[Certificates] = []

    def open(
        self, door: Tls, renewed: Callable[[], None] = lambda: None
    ) -> Callable[[], ssl.SSLContext] | None:
        """What says the present context of a listener; None for one without TLS. `renewed` hears when there
        is another."""
        if not door.tls_enabled:
            return None
        from evsys.gateway.tls import Certificates

        certificates = Certificates(_door_files(door))
        certificates.renewed = renewed
        self._certificates.append(certificates)
        return lambda: certificates.context

    async def look(self) -> None:
        """See now and then, and at SIGHUP, whether files have changed, until cancelled."""
        from evsys.gateway.tls import LOOK_EVERY_S

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for each in self._certificates:
                each.look()

    def _reload(self) -> None:
        for each in self._certificates:
            each.reload()


def _socket(assignment: Assignment, name: str) -> socket.socket:
    return socket.socket(fileno=assignment.sockets[name])


def _stop_wanted() -> asyncio.Event:
    """Set by SIGTERM and by the end of the lifeline."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def heard() -> None:
        if not os.read(LIFELINE, 65_536):
            loop.remove_reader(LIFELINE)
            stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(LIFELINE, heard)
    return stop
