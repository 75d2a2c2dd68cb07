"""The configuration: `config.yml` read into frozen Structs, every fault named with its line.

The keys of EVSYS keep their names and meaning, so a file written for it is read as it stands. Three rules:

*An empty value, 0 and an absent key all mean the default*, as in EVSYS. So no key uses 0 for "off".
*A key that nothing reads is an error*, with the nearest known one: a misspelt `tls_enabled` must not leave a
listener open. The same holds for a key given twice.
*`${NAME}` in a value* is replaced from the environment; `$${` stands for a literal `${`.

Without a file the program is for trying out: unknown stations and tokens are accepted and every listener is
on 127.0.0.1. The reference for people is `docs/howto/configuration.md`, held equal to these Structs by a
test.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from msgspec import Meta, Struct, ValidationError, convert, inspect
from msgspec.structs import FieldInfo, fields, replace

from evsys.core.alarms import DEFAULTS, MEASURED_BY
from evsys.core.records import AlarmKind
from evsys.notify.apprise import Config as Apprise
from evsys.notify.mail import Config as Mail
from evsys.notify.mail import sender_of
from evsys.notify.notifier import NotifierConfig
from evsys.notify.telegram import Config as TelegramKeys
from evsys.notify.webhook import Config as Webhooks
from evsys.notify.webhook import networks
from evsys.plug import Section

DEFAULT_FILE = Path("config.yml")
"""Read from the working directory where no file is named."""

ROOT_FILE = "ca.pem"
"""The own authority's certificate, in its folder."""
MIN_SERVER_KEY_CHARACTERS = 32
"""Of a secret that is not guessed."""

Port = Annotated[int, Meta(ge=1, le=65_535)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
"""A duration; a day is far beyond what any of these settings is good for."""


class Listen(Section, frozen=True, kw_only=True):
    """Where stations connect."""

    type: str = "port"
    bind_ip: str = "0.0.0.0"
    port: Port = 5000
    tls_enabled: bool = False
    tls_port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    cert_file: str = ""
    key_file: str = ""
    second_cert_file: str = ""
    second_key_file: str = ""
    client_ca_file: str = ""
    paths: tuple[str, ...] = ("/ws",)
    assume_protocol: Literal["", "ocpp1.6"] = ""
    ping_interval: Seconds = 60


class Api(Section, frozen=True, kw_only=True):
    """Where people and programs ask."""

    bind_ip: str = "0.0.0.0"
    port: Port = 5001
    tls_enabled: bool = False
    cert_file: str = ""
    key_file: str = ""
    key_required: bool = False
    url: str = ""

    @property
    def reached_at(self) -> str:
        """What people are told, without a path."""
        return self.url.rstrip("/") or _url("http", self.tls_enabled, self.bind_ip, self.port)

    @property
    def is_secure(self) -> bool:
        """Whether people reach it with https: itself, or a proxy before it, speaks TLS."""
        return self.tls_enabled or self.url.startswith("https://")


class Metrics(Section, frozen=True, kw_only=True):
    """Where Prometheus asks."""

    enabled: bool = False
    bind_ip: str = "127.0.0.1"
    port: Port = 5003


class Database(Section, frozen=True, kw_only=True):
    """Where everything is kept."""

    url: str = "sqlite:///./data/evsys.db"

    @property
    def path(self) -> Path:
        """The file of a `sqlite:///` URL, relative to the working directory."""
        return Path(self.url.removeprefix("sqlite:///"))


class WireLog(Section, frozen=True, kw_only=True):
    """What is kept of the frames from and to stations."""

    enabled: bool = True
    days: Annotated[int, Meta(ge=1, le=3650)] = 7
    max_megabytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024


class Security(Section, frozen=True, kw_only=True):
    """How stations prove who they are."""

    server_key: str = ""


class Ca(Section, frozen=True, kw_only=True):
    """Who signs the certificates of stations."""

    folder: str = ""
    passphrase: str = ""
    organisation: str = ""
    days: Annotated[int, Meta(ge=1, le=3650)] = 365
    url: str = ""


class Quirks(Section, frozen=True, kw_only=True):
    """How one gets along with stations that break the rules."""

    folder: str = ""


class LocalLists(Section, frozen=True, kw_only=True):
    """Whether stations are kept up to date about who may charge while they are offline."""

    enabled: bool = False


class FilesHttp(Section, frozen=True, kw_only=True):
    """Where stations fetch and deliver files over HTTP."""

    enabled: bool = False
    bind_ip: str = "127.0.0.1"
    port: Port = 5004
    tls_enabled: bool = False
    cert_file: str = ""
    key_file: str = ""
    url: str = ""

    @property
    def reached_at(self) -> str:
        """What stations are told, without a path."""
        return self.url.rstrip("/") or _url("http", self.tls_enabled, self.bind_ip, self.port)


class FilesFtp(Section, frozen=True, kw_only=True):
    """Where stations fetch and deliver files over FTP."""

    enabled: bool = False
    bind_ip: str = "127.0.0.1"
    port: Port = 2121
    tls_enabled: bool = False
    cert_file: str = ""
    key_file: str = ""
    url: str = ""
    public_address: str = ""
    passive_ports: str = ""

    @property
    def reached_at(self) -> str:
        """What stations are told, without a user."""
        return self.url.rstrip("/") or _url("ftp", self.tls_enabled, self.bind_ip, self.port)

    @property
    def passive(self) -> range:
        """The ports of `passive_ports` (`FIRST-LAST`); empty for any. Raises ValueError."""
        if not self.passive_ports:
            return range(0)
        first, _, last = self.passive_ports.partition("-")
        ports = range(int(first), int(last) + 1)
        if not ports or ports[0] < 1024 or ports[-1] > 65_535:
            raise ValueError
        return ports


class Files(Section, frozen=True, kw_only=True):
    """Firmware for stations, and what they upload."""

    max_megabytes: Annotated[int, Meta(ge=1, le=100_000)] = 500
    total_megabytes: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    http: FilesHttp = FilesHttp()
    ftp: FilesFtp = FilesFtp()


class AlarmRule(Section, frozen=True, kw_only=True):
    """What becomes an alarm of one kind (`core.alarms`)."""

    enabled: bool = True
    severity: Literal["", "critical", "warning", "info"] = ""
    threshold: Annotated[int, Meta(ge=0, le=86_400)] = 0
    repeat: Annotated[int, Meta(ge=0, le=86_400)] = 0


def _rule(kind: AlarmKind) -> AlarmRule:
    rule = DEFAULTS[kind]
    return AlarmRule(threshold=getattr(rule, MEASURED_BY[kind]), repeat=rule.repeat_s)


class Alarms(Section, frozen=True, kw_only=True):
    """What people should look at; by kind."""

    station_offline: AlarmRule = _rule("station_offline")
    connector_faulted: AlarmRule = _rule("connector_faulted")
    no_energy: AlarmRule = _rule("no_energy")
    session_abandoned: AlarmRule = _rule("session_abandoned")
    meter_silent: AlarmRule = _rule("meter_silent")
    meter_backwards: AlarmRule = _rule("meter_backwards")
    authorization_refused: AlarmRule = _rule("authorization_refused")
    clock_off: AlarmRule = _rule("clock_off")
    security_event: AlarmRule = _rule("security_event")
    connection_refused: AlarmRule = _rule("connection_refused")
    certificate_refused: AlarmRule = _rule("certificate_refused")
    certificate_ends: AlarmRule = _rule("certificate_ends")
    upgrade_failed: AlarmRule = _rule("upgrade_failed")
    disk_space: AlarmRule = _rule("disk_space")
    database: AlarmRule = _rule("database")
    event_set_aside: AlarmRule = _rule("event_set_aside")
    channel_failed: AlarmRule = _rule("channel_failed")


class DataTransfer(Section, frozen=True, kw_only=True):
    vendors: tuple[str, ...] = ()


class Mongo(Section, frozen=True, kw_only=True):
    """EVSYS' own database; this program keeps everything in `database`."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Port = 27017
    user: str = ""
    password: str = ""
    database: str = "evsys"


class Ocpi(Section, frozen=True, kw_only=True):
    enabled: bool = False
    url: str = ""
    token: str = ""


class Mqtt(Section, frozen=True, kw_only=True):
    """The broker that is told what stations are and do."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Port = 1883
    username: str = ""
    password: str = ""
    tls_enabled: bool = False
    ca_file: str = ""
    topic_prefix: str = "evsys"
    discovery_prefix: str = "homeassistant"
    commands: bool = False
    id_token: str = ""


class Payment(Section, frozen=True, kw_only=True):
    enabled: bool = False
    api_url: str = ""
    api_key: str = ""


class Config(Section, frozen=True, kw_only=True):
    """The whole file."""

    is_debug: bool = False
    time_zone: str = "UTC"
    accept_unknown_tag: bool = False
    accept_unknown_chp: bool = False
    meter_value_sample_interval: Annotated[int, Meta(ge=0, le=86_400)] = 0
    meter_values_measurands: tuple[str, ...] = ()
    heartbeat_interval: Seconds = 300
    boot_retry_interval: Seconds = 60
    abandoned_after: Seconds = 1200
    call_timeout: Seconds = 30
    listen: Listen = Listen()
    api: Api = Api()
    metrics: Metrics = Metrics()
    database: Database = Database()
    wire_log: WireLog = WireLog()
    security: Security = Security()
    ca: Ca = Ca()
    local_lists: LocalLists = LocalLists()
    files: Files = Files()
    alarms: Alarms = Alarms()
    data_transfer: DataTransfer = DataTransfer()
    quirks: Quirks = Quirks()
    mongo: Mongo = Mongo()
    ocpi: Ocpi = Ocpi()
    telegram: TelegramKeys = TelegramKeys()
    mqtt: Mqtt = Mqtt()
    payment: Payment = Payment()
    mail: Mail = Mail()
    webhooks: Webhooks = Webhooks()
    apprise: Apprise = Apprise()

    @property
    def channels(self) -> dict[str, NotifierConfig]:
        """What messages leave by, where it is enabled: the keys of each, by the name of its notifier's file
        (`evsys.notify`)."""
        known: dict[str, NotifierConfig] = {
            "mail": self.mail,
            "webhook": self.webhooks,
            "apprise": self.apprise,
            "telegram": self.telegram,
        }
        return {name: keys for name, keys in known.items() if keys.enabled}

    @property
    def profiles_folder(self) -> Path | None:
        """Where further model profiles are: the folder named, or `profiles` beside the database if there
        is one."""
        beside = self.database.path.parent / "profiles"
        return Path(self.quirks.folder) if self.quirks.folder else beside if beside.is_dir() else None


def ca_folder(config: Config) -> Path:
    """Where the own authority is."""
    return Path(config.ca.folder) if config.ca.folder else config.database.path.with_name("ca")


WITHOUT_A_FILE = Config(
    accept_unknown_tag=True,
    accept_unknown_chp=True,
    listen=Listen(bind_ip="127.0.0.1"),
    api=Api(bind_ip="127.0.0.1"),
    metrics=Metrics(bind_ip="127.0.0.1"),
)

NOTE_WITHOUT_A_FILE = (
    "no config.yml here: for trying out, unknown stations and tokens are accepted "
    "and every listener is on 127.0.0.1"
)


class Loaded(Struct, frozen=True):
    """A configuration and what its reader should be told at start."""

    config: Config
    source: str
    """The file it was read from; empty without one."""
    notes: tuple[str, ...] = ()


class ConfigError(Exception):
    """The configuration cannot be used; one line for each fault, with the file and the line in it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path | None, environment: Mapping[str, str]) -> Loaded:
    """Read the configuration at `path`, or at `config.yml` where that exists, else the one without a file.

    Raises ConfigError."""
    if path is None:
        if not DEFAULT_FILE.exists():
            return Loaded(WITHOUT_A_FILE, "", (NOTE_WITHOUT_A_FILE,))
        path = DEFAULT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text ({error.reason} at byte {error.start})"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    reader = _Reader(str(path), environment)
    config = reader.read(text)
    problems = reader.problems or [reader.at(key, fault) for key, fault in _faults(config)]
    if problems:
        raise ConfigError(problems)
    return Loaded(config, str(path), tuple(_notes(config)))


def known_keys() -> Iterator[tuple[str, FieldInfo]]:
    """Every key that a file may hold, dotted, in the order of the Structs."""
    return _keys_of(Config(), "")


def _keys_of(section: Section, prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for field in fields(section):
        default = getattr(section, field.name)
        if isinstance(default, Section):
            yield from _keys_of(default, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, replace(field, default=default)


# -- what is wrong although every value has its type ---------------------------------------------------------


def _faults(config: Config) -> Iterator[tuple[str, str]]:
    """The keys that cannot be used together or as they are, each with the reason."""
    try:
        if config.time_zone != "UTC":
            ZoneInfo(config.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "time_zone", f"{config.time_zone!r} is not a time zone; write one such as Europe/Madrid"
    if config.listen.type != "port":
        yield "listen.type", f"{config.listen.type!r} is not supported; the only one is 'port'"
    for path in config.listen.paths:
        if not path.startswith("/"):
            yield "listen.paths", f"{path!r} must begin with '/'"
    yield from _tls_faults("listen", config.listen)
    yield from _listen_faults(config.listen)
    yield from _tls_faults("api", config.api)
    if config.api.url and not _is_base(config.api.url, ("http", "https")):
        yield "api.url", "must be like https://evsys.example.com, without a path"
    yield from _files_faults("files.http", config.files.http, ("http", "https"))
    yield from _files_faults("files.ftp", config.files.ftp, ("ftp", "ftps"))
    yield from _ftp_faults(config.files.ftp)
    if not config.database.url.startswith("sqlite:///") or config.database.path == Path():
        yield "database.url", "must be sqlite:///PATH"
    if 0 < len(config.security.server_key) < MIN_SERVER_KEY_CHARACTERS:
        yield "security.server_key", f"needs {MIN_SERVER_KEY_CHARACTERS} characters at least"
    if config.ca.url and not config.ca.url.startswith(("http://", "https://")):
        yield "ca.url", "must begin with http:// or https://"
    if config.quirks.folder and not Path(config.quirks.folder).is_dir():
        yield "quirks.folder", f"there is no folder {config.quirks.folder}"
    if config.mongo.enabled:
        yield (
            "mongo.enabled",
            "MongoDB is not supported; sessions would be stored elsewhere than you expect. "
            "Set it to false to keep everything in database.url",
        )
    if config.telegram.enabled and not config.telegram.telegram_api_key:
        yield "telegram.enabled", "needs telegram.telegram_api_key"
    if not config.telegram.api_url.startswith(("http://", "https://")):
        yield "telegram.api_url", "must begin with http:// or https://"
    yield from _mqtt_faults(config.mqtt)
    if config.ocpi.enabled and not config.ocpi.url.startswith(("http://", "https://")):
        yield "ocpi.enabled", "needs ocpi.url with http:// or https:// in front"
    if config.payment.enabled and not config.payment.api_url:
        yield "payment.enabled", "needs payment.api_url"
    yield from _channel_faults(config)


class Tls(Protocol):
    """A listener that may speak TLS: `Listen` and `Api` are."""

    @property
    def tls_enabled(self) -> bool: ...
    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...


def _tls_faults(name: str, listener: Tls) -> Iterator[tuple[str, str]]:
    if listener.tls_enabled and not (listener.cert_file and listener.key_file):
        yield f"{name}.tls_enabled", f"needs {name}.cert_file and {name}.key_file"


def _listen_faults(listen: Listen) -> Iterator[tuple[str, str]]:
    if listen.tls_port and listen.tls_enabled:
        yield "listen.tls_port", "is beside a port without TLS; with listen.tls_enabled there is none"
    if listen.tls_port == listen.port:
        yield "listen.tls_port", "must be another one than listen.port"
    if listen.tls_port and not (listen.cert_file and listen.key_file):
        yield "listen.tls_port", "needs listen.cert_file and listen.key_file"
    if bool(listen.second_cert_file) != bool(listen.second_key_file):
        yield "listen.second_cert_file", "needs listen.second_key_file, and the other way round"


def _files_faults(
    name: str, door: FilesHttp | FilesFtp, schemes: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    """`schemes`: without and with TLS. Either may be told to stations: a proxy may add TLS."""
    yield from _tls_faults(name, door)
    if door.url and not _is_base(door.url, schemes):
        yield f"{name}.url", f"must be like {schemes[0]}://files.example.com:{door.port}, without a path"
    if door.enabled and not door.url and door.bind_ip in EVERY_ADDRESS:
        yield f"{name}.enabled", f"needs {name}.url: what stations are to be told"


def _is_base(url: str, schemes: tuple[str, str]) -> bool:
    """Whether a URL says where a server is, and no more."""
    parts = urlsplit(url)
    return parts.scheme in schemes and bool(parts.netloc) and not (parts.path.strip("/") or parts.query)


def _ftp_faults(ftp: FilesFtp) -> Iterator[tuple[str, str]]:
    try:
        _ = ftp.passive
    except ValueError:
        yield "files.ftp.passive_ports", "must be FIRST-LAST, ports from 1024 to 65535"
    try:
        if ftp.public_address:
            IPv4Address(ftp.public_address)
    except ValueError:
        yield "files.ftp.public_address", f"{ftp.public_address!r} is not an IPv4 address"


def _channel_faults(config: Config) -> Iterator[tuple[str, str]]:
    try:
        if config.mail.enabled:
            sender_of(config.mail)
    except ValueError as error:
        yield "mail.sender", str(error)
    if config.mail.password and config.mail.security == "none":
        yield "mail.security", "is none: mail.password would be sent for all to read"
    try:
        networks(config.webhooks.private_networks)
    except ValueError as error:
        yield "webhooks.private_networks", str(error)
    if config.apprise.enabled and find_spec("apprise") is None:
        yield "apprise.enabled", "needs the extra: pip install 'evsys[apprise]'"


def _mqtt_faults(mqtt: Mqtt) -> Iterator[tuple[str, str]]:
    for name in ("topic_prefix", "discovery_prefix"):
        if not _TOPIC.fullmatch(getattr(mqtt, name)):
            yield f"mqtt.{name}", "must be letters, digits and -._ with / between them"
    if mqtt.topic_prefix == mqtt.discovery_prefix:
        yield "mqtt.topic_prefix", "must be another one than mqtt.discovery_prefix"


_TOPIC = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
EVERY_ADDRESS = ("0.0.0.0", "::")


def _url(scheme: str, secure: bool, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}{'s' if secure else ''}://{host}:{port}"


def _notes(config: Config) -> Iterator[str]:
    for section in ("ocpi", "payment"):
        if getattr(config, section).enabled:
            yield f"{section}.enabled is true, but {section} is not active yet: it will do nothing"


# -- from YAML to Structs ------------------------------------------------------------------------------------

S = TypeVar("S", bound=Section)

_VARIABLE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""What YAML 1.1 reads as a truth value; letter case does not matter."""


class _Reader:
    """Reads one file, and remembers each fault and the line of each key."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._file = file
        self._environment = environment
        self._lines: dict[str, int] = {}

    def read(self, text: str) -> Config:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            self.problems.append(f"{self._file}:{line}: not YAML: {error.problem or error.context}")
            return Config()
        except yaml.YAMLError as error:
            self.problems.append(f"{self._file}: not YAML: {' '.join(str(error).split())}")
            return Config()
        return self._section(node, Config(), "") if node is not None else Config()

    def at(self, key: str, fault: str) -> str:
        """A problem's line. A key that is not in the file stands for its section."""
        line = self._lines.get(key) or self._lines.get(key.partition(".")[0]) or 1
        return f"{self._file}:{line}: {key}: {fault}"

    def _section(self, node: yaml.Node, defaults: S, path: str) -> S:
        """A group of keys; what is faulty keeps its default and is remembered."""
        if _is_empty(node):
            return defaults
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, f"{path.rstrip('.') or 'the file'}: expected keys with values")
            return defaults
        known = {field.name: field for field in fields(defaults)}
        values: dict[str, object] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            if key not in known:
                self._problem(key_node, _unknown(path, key, list(known)))
            elif key in seen:
                self._problem(key_node, f"{path}{key}: given twice")
            else:
                seen.add(key)
                self._lines[path + key] = key_node.start_mark.line + 1
                self._value(value_node, known[key], getattr(defaults, key), path, values)
        return replace(defaults, **values)

    def _value(
        self, node: yaml.Node, field: FieldInfo, default: object, path: str, values: dict[str, object]
    ) -> None:
        """Put the value of a key into `values`, unless it is empty or 0: then its default stands."""
        if isinstance(default, Section):
            values[field.name] = self._section(node, default, f"{path}{field.name}.")
            return
        if _is_empty(node):
            return
        kind = inspect.type_info(field.type)
        try:
            value = self._convert(node, kind, field.type)
        except ValueError as error:
            self._problem(node, f"{path}{field.name}: {error}")
            return
        if value or value is False:
            values[field.name] = value

    def _convert(self, node: yaml.Node, kind: inspect.Type, target: object) -> object:
        """The value of a node. Raises ValueError with what was expected."""
        if isinstance(kind, inspect.VarTupleType):
            if not isinstance(node, yaml.SequenceNode):
                raise ValueError("expected a list")
            return tuple(self._text(item, "a text") for item in node.value)
        text = self._text(node, _expected(kind))
        if not text or (isinstance(kind, inspect.IntType) and text == "0"):
            return None
        if isinstance(kind, inspect.BoolType):
            truth = _TRUTH.get(text.lower())
            if truth is None:
                raise ValueError(f"expected {_expected(kind)}, got {text!r}")
            return truth
        try:
            return convert(text, type=target, strict=False)
        except ValidationError:
            raise ValueError(f"expected {_expected(kind)}, got {text!r}") from None

    def _text(self, node: yaml.Node, expected: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError(
                f"expected {expected}, got {'a list' if isinstance(node, yaml.SequenceNode) else 'keys'}"
            )
        return "" if _is_empty(node) else self._expand(node.value)

    def _expand(self, text: str) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found[2]
            if name is None:
                return "${"
            if name not in self._environment:
                raise ValueError(f"the environment has no variable {name}")
            return self._environment[name]

        return _VARIABLE.sub(value_of, text)

    def _problem(self, node: yaml.Node, fault: str) -> None:
        self.problems.append(f"{self._file}:{node.start_mark.line + 1}: {fault}")


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _unknown(path: str, key: str, siblings: list[str]) -> str:
    """What to say of an unknown key: its name in another section, else the nearest beside it, else of all."""
    elsewhere = [dotted for dotted, _ in known_keys() if dotted.rpartition(".")[2] == key]
    if elsewhere:
        return f"unknown key {path}{key}; did you mean {' or '.join(elsewhere)}?"
    near = difflib.get_close_matches(key, siblings, n=1)
    if near:
        return f"unknown key {path}{key}; did you mean {path}{near[0]}?"
    near = difflib.get_close_matches(path + key, [dotted for dotted, _ in known_keys()], n=1, cutoff=0)
    return f"unknown key {path}{key}; the nearest known one is {near[0]}"


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values if value)
        case _:
            return "a text"
