"""The configuration: EVSYS' files are read as they stand, and every fault is named with its line."""

import re
from pathlib import Path

import pytest
from msgspec import NODEFAULT, UNSET

from evsys import config as configuration
from evsys.config import Config, ConfigError, Loaded

ROOT = Path(__file__).parents[2]

SAMPLE = """\
---

is_debug: false
time_zone: UTC
accept_unknown_tag: true
accept_unknown_chp: true
listen:
  type: port
  bind_ip: 0.0.0.0
  port: 5000
  tls_enabled: false
  cert_file: 
  key_file: 
api:
  bind_ip: 0.0.0.0
  port: 5001
  tls_enabled: false
  cert_file: 
  key_file: 
mongo:
  enabled: false
  host: 127.0.0.1
  port: 27017
  user: admin
  password: pass
  database: db
payment:
  enabled: false
  api_url: 127.0.0.1:5002
  api_key: 
telegram:
  enabled: false
  telegram_api_key: 
"""  # noqa: W291, as EVSYS' README has it


def load(path: Path, text: str, **environment: str) -> Loaded:
    file = path / "config.yml"
    file.write_text(text)
    return configuration.load(file, environment)


def problems(path: Path, text: str, **environment: str) -> list[str]:
    """What is said of a faulty file, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(path, text, **environment)
    return [problem.removeprefix(f"{path}/") for problem in caught.value.problems]


def test_the_sample_of_the_old_readme_is_read_as_it_stands(tmp_path: Path) -> None:
    loaded = load(tmp_path, SAMPLE)
    assert loaded.config.accept_unknown_tag
    assert loaded.config.accept_unknown_chp
    assert (loaded.config.listen.bind_ip, loaded.config.listen.port) == ("0.0.0.0", 5000)
    assert loaded.notes == ()


def test_an_empty_file_has_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "").config
    assert config == Config()
    assert (config.accept_unknown_tag, config.listen.bind_ip, config.time_zone) == (False, "0.0.0.0", "UTC")


def test_an_empty_value_a_zero_and_an_absent_key_mean_the_default(tmp_path: Path) -> None:
    text = "heartbeat_interval: 0\nmongo:\n  host: ''\n  port: 0\nlisten:\n  port:\napi:\n"
    assert load(tmp_path, text).config == Config()


def test_ports_may_be_quoted_and_passwords_may_be_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, "listen:\n  port: '5010'\nmongo:\n  password: 12345\n").config
    assert (config.listen.port, config.mongo.password) == (5010, "12345")


def test_truth_values_are_those_of_yaml_1_1(tmp_path: Path) -> None:
    text = "is_debug: Yes\naccept_unknown_tag: ON\naccept_unknown_chp: off\n"
    config = load(tmp_path, text).config
    assert (config.is_debug, config.accept_unknown_tag, config.accept_unknown_chp) == (True, True, False)


def test_values_come_from_the_environment(tmp_path: Path) -> None:
    text = "listen:\n  port: ${PORT}\n  cert_file: ${DIR}/a.pem\nocpi:\n  token: $${NOT}$\n"
    config = load(tmp_path, text, PORT="7000", DIR="/keys").config
    assert (config.listen.port, config.listen.cert_file) == (7000, "/keys/a.pem")
    assert config.ocpi.token == "${NOT}$"


def test_what_the_environment_holds_cannot_change_the_file_s_shape(tmp_path: Path) -> None:
    assert load(tmp_path, "mongo:\n  password: ${P}\n", P="x\nuser: y").config.mongo.password == "x\nuser: y"


def test_a_variable_that_is_not_set_is_an_error(tmp_path: Path) -> None:
    assert problems(tmp_path, "\nlisten:\n  bind_ip: ${NOWHERE}\n") == [
        "config.yml:3: listen.bind_ip: the environment has no variable NOWHERE"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acept_unknown_tag: true", "1: unknown key acept_unknown_tag; did you mean accept_unknown_tag?"),
        ("listen:\n  prot: 1", "2: unknown key listen.prot; did you mean listen.port?"),
        ("telegram_api_key: x", "1: unknown key telegram_api_key; did you mean telegram.telegram_api_key?"),
        ("api:\n  port: 1\n  port: 2", "3: api.port: given twice"),
        ("is_debug: perhaps", "1: is_debug: expected true or false, got 'perhaps'"),
        ("api:\n  port: http", "2: api.port: expected a whole number from 1 to 65535, got 'http'"),
        ("api:\n  port: 65536", "2: api.port: expected a whole number from 1 to 65535, got '65536'"),
        ("api: 5001", "1: api: expected keys with values"),
        ("- a", "1: the file: expected keys with values"),
        ("time_zone: [UTC]", "1: time_zone: expected a text, got a list"),
        ("meter_values_measurands: Voltage", "1: meter_values_measurands: expected a list"),
        (
            "listen:\n  assume_protocol: soap",
            "2: listen.assume_protocol: expected one of ocpp1.6, got 'soap'",
        ),
        ("listen:\n  type: unix", "2: listen.type: 'unix' is not supported; the only one is 'port'"),
        ("listen:\n  paths: [ws]", "2: listen.paths: 'ws' must begin with '/'"),
        (
            "time_zone: Mars/Olympus",
            "1: time_zone: 'Mars/Olympus' is not a time zone; write one such as Europe/Madrid",
        ),
        ("api:\n  tls_enabled: true", "2: api.tls_enabled: needs api.cert_file and api.key_file"),
        ("listen:\n  tls_port: 5443", "2: listen.tls_port: needs listen.cert_file and listen.key_file"),
        (
            "listen: {tls_port: 5000, cert_file: a, key_file: b}",
            "1: listen.tls_port: must be another one than listen.port",
        ),
        (
            "listen: {tls_port: 5443, tls_enabled: true, cert_file: a, key_file: b}",
            "1: listen.tls_port: is beside a port without TLS; with listen.tls_enabled there is none",
        ),
        (
            "listen:\n  second_cert_file: a",
            "2: listen.second_cert_file: needs listen.second_key_file, and the other way round",
        ),
        ("security:\n  server_key: short", "2: security.server_key: needs 32 characters at least"),
        ("database:\n  url: postgresql://x", "2: database.url: must be sqlite:///PATH"),
        ("telegram:\n  enabled: true", "2: telegram.enabled: needs telegram.telegram_api_key"),
        (
            "ocpi:\n  enabled: true\n  url: 127.0.0.1:5002",
            "2: ocpi.enabled: needs ocpi.url with http:// or https:// in front",
        ),
        ("payment:\n  enabled: true", "2: payment.enabled: needs payment.api_url"),
        ("mail:\n  enabled: true", "1: mail.sender: must be like EVSYS <evsys@example.com>"),
        (
            "mail: {enabled: true, sender: a@b.example, security: none, password: x}",
            "1: mail.security: is none: mail.password would be sent for all to read",
        ),
        (
            "webhooks:\n  private_networks: [10.0.0.1/8]",
            "2: webhooks.private_networks: 10.0.0.1/8 has host bits set",
        ),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [f"config.yml:{problem}"]


def test_an_unknown_key_that_is_like_no_other_names_the_nearest_all_the_same(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "zzz: 1")
    assert re.fullmatch(r"config.yml:1: unknown key zzz; the nearest known one is [a-z_.]+", problem)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "a: 1\nis_debug: 3\nlisten:\n  port: x\n")) == 3


def test_what_is_not_yaml_is_an_error_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "listen:\n  port: [1\n")
    assert problem.startswith("config.yml:3: not YAML: ")
    (tmp_path / "config.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        configuration.load(tmp_path / "config.yml", {})


def test_a_file_that_is_not_there_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        configuration.load(tmp_path / "nowhere.yml", {})


def test_a_mongodb_stops_with_an_explanation(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "mongo:\n  enabled: true")
    assert problem.startswith("config.yml:2: mongo.enabled: MongoDB is not supported")


def test_what_is_not_active_yet_says_so(tmp_path: Path) -> None:
    text = "ocpi:\n  enabled: true\n  url: https://x\n"
    assert load(tmp_path, text).notes == (
        "ocpi.enabled is true, but ocpi is not active yet: it will do nothing",
    )


def test_without_a_file_everything_is_accepted_and_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = configuration.load(None, {})
    config = loaded.config
    assert config.accept_unknown_tag
    assert config.accept_unknown_chp
    assert {config.listen.bind_ip, config.api.bind_ip, config.metrics.bind_ip} == {"127.0.0.1"}
    assert loaded.notes == (configuration.NOTE_WITHOUT_A_FILE,)


def test_a_config_yml_in_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yml").write_text("heartbeat_interval: 77\n")
    loaded = configuration.load(None, {})
    assert (loaded.source, loaded.config.heartbeat_interval) == ("config.yml", 77)


def test_the_page_names_every_key_with_its_default_and_no_other() -> None:
    page = (ROOT / "docs/howto/configuration.md").read_text()
    told = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]*?) \| ", page, re.M))
    assert told == {key: default_in_words(field.default) for key, field in configuration.known_keys()}


def default_in_words(default: object) -> str:
    assert default not in (UNSET, NODEFAULT)
    match default:
        case bool():
            return f"`{str(default).lower()}`"
        case 0:
            return "off"
        case "":
            return "none"
        case ():
            return "none"
        case tuple():
            return ", ".join(f"`{each}`" for each in default)
        case _:
            return f"`{default}`"


def test_false_switches_off_what_is_on_by_default(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text("wire_log:\n  enabled: false\n")
    assert not configuration.load(file, {}).config.wire_log.enabled


def test_prefixes_of_mqtt_topics_are_names_without_signs(tmp_path: Path) -> None:
    assert load(tmp_path, "mqtt: {topic_prefix: site/evsys}").config.mqtt.topic_prefix == "site/evsys"
    for wrong in ("evsys/", "/evsys", "evsys/#", "$SYS", "a b"):
        assert "mqtt.topic_prefix" in problems(tmp_path, f"mqtt: {{topic_prefix: '{wrong}'}}")[0]
    assert "mqtt.topic_prefix" in problems(tmp_path, "mqtt: {topic_prefix: homeassistant}")[0]
