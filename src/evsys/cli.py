"""The command line. `evsys -conf=FILE`, as EVSYS had it, is `evsys serve --conf FILE`.

Exit statuses: 2, the command line or the configuration is wrong; 1, the machine refuses (a port in use, a
certificate, a folder, the database); 0, all is well, a stop by SIGTERM included. What is wrong stands on
stderr in one line each; stdout has what was asked for and nothing else.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import click

from evsys import app, log
from evsys import config as configuration
from evsys.config import ConfigError, Loaded
from evsys.core.errors import EvsysError
from evsys.core.records import ApiKey, Role
from evsys.core.work import Committed, Conflict, Failed, Work

if TYPE_CHECKING:
    from evsys.office.authority import Kind, OwnAuthority

INTERRUPTED: Final = 130
"""What a shell says of a program ended by SIGINT."""

OPERATOR: Final = "command line"
"""Who the audit says it was: whoever may run this command may read and write the file anyway."""


def main() -> None:
    """The entry point; ends the process."""
    try:
        status = evsys.main(prog_name="evsys", standalone_mode=False)
    except click.ClickException as error:
        _complain(error.format_message())
        status = error.exit_code
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        status = 2
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    sys.exit(status if isinstance(status, int) else 0)


def _complain(line: str) -> None:
    click.echo("evsys: " + " ".join(line.split()), err=True)


def _inherited(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """`--conf` may stand before the subcommand too, as in the old forms."""
    given: Path | None = value or context.find_root().params.get("conf")
    return given


_takes_conf = click.option(
    "--conf",
    "-conf",
    type=click.Path(path_type=Path),
    callback=_inherited,
    metavar="FILE",
    help="The configuration; without it, config.yml here where there is one.",
)


@click.group(invoke_without_command=True)
@_takes_conf
@click.version_option(package_name="evsys", message="%(version)s")
@click.pass_context
def evsys(context: click.Context, conf: Path | None) -> None:
    """A central system for charging stations that speak OCPP. Without a command it serves."""
    if context.invoked_subcommand is None:
        context.invoke(serve, conf=conf)


@evsys.command()
@_takes_conf
def serve(conf: Path | None) -> None:
    """Run the central system until it is stopped (SIGTERM or Ctrl-C)."""
    from evsys import supervisor

    loaded = _load(conf)
    log.configure("supervisor", debug=loaded.config.is_debug)
    try:
        supervisor.serve(loaded, say=click.echo)
    except app.CannotStart as refusal:
        raise click.ClickException(str(refusal)) from None


@evsys.command("check-config")
@_takes_conf
def check_config(conf: Path | None) -> None:
    """Say what is wrong with the configuration and the model profiles."""
    from evsys.model_profiles.loading import BadProfiles, load

    loaded = _load(conf)
    try:
        load(loaded.config.profiles_folder)
    except BadProfiles as error:
        raise ConfigError(error.problems) from None
    for note in loaded.notes:
        click.echo(note)
    click.echo(f"{loaded.source} is good" if loaded.source else "the defaults without a file would be used")


@evsys.command()
@click.argument("url", default="ws://127.0.0.1:5000/ws")
@click.option("--stations", default=10, type=click.IntRange(1, 10_000), show_default=True)
@click.option("--connectors", default=2, type=click.IntRange(1, 20), show_default=True, help="Per station.")
@click.option("--ids", default="SIM####", show_default=True, help="The stations' ids; # marks their number.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same cars and drivers.")
@click.option("--speed", default=1.0, type=click.FloatRange(0.1, 3600), show_default=True, help="Time lapse.")
@click.option("--sessions", type=click.IntRange(0), help="End after so many per connector; 0: nobody comes.")
@click.option("--duration", type=click.FloatRange(0), metavar="SECONDS", help="End after so long.")
@click.option(
    "--token", "tokens", multiple=True, help="A driver's token (repeatable); else they have own ones."
)
@click.option("--offline-spells/--no-offline-spells", default=True, help="Whether links break now and then.")
@click.option("--transaction-data", is_flag=True, help="Stops carry the meter values of their session.")
@click.option("--security-profile", default=0, type=click.IntRange(0, 3), show_default=True)
@click.option("--password", default="", help="The stations' AuthorizationKey (profiles 1 and 2).")
@click.option("--tls-url", default="", help="Where they connect with TLS, if that is not URL.")
@click.option("--ca", type=click.Path(path_type=Path, exists=True), help="Roots that they trust, as PEM.")
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with each station's certificate ID.pem and key ID.key (profile 3).",
)
@click.option(
    "--misbehave",
    default="",
    metavar="KIND[,KIND...]",
    help="Break the rules as charge points of the field do: kinds of it, or all.",
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write all sessions, as JSON."
)
def simulate(
    url: str,
    stations: int,
    connectors: int,
    ids: str,
    seed: int,
    speed: float,
    sessions: int | None,
    duration: float | None,
    tokens: tuple[str, ...],
    offline_spells: bool,
    transaction_data: bool,
    misbehave: str,
    security_profile: int,
    password: str,
    tls_url: str,
    ca: Path | None,
    certificates: Path | None,
    report: Path | None,
) -> None:
    """Charge points in software, which connect to URL (ws://127.0.0.1:5000/ws) and charge."""
    from evsys.simulator.cabinet import PointSettings
    from evsys.simulator.fleet import Settings, run, station_ids
    from evsys.simulator.misbehaviour import habits

    log.configure("simulator")
    points = PointSettings(
        connectors=connectors,
        speed=speed,
        sessions=sessions,
        offline_spells=offline_spells,
        tokens=tokens,
        transaction_data=transaction_data,
        security_profile=security_profile,
        password=password,
        tls=bool(tls_url) or url.startswith("wss:"),
    )
    try:
        kinds = habits(misbehave)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--misbehave") from None
    settings = Settings(
        url=url,
        stations=stations,
        ids=ids,
        seed=seed,
        duration_s=duration,
        report=report,
        misbehave=kinds,
        points=points,
        tls_url=tls_url,
        ca_file=ca,
        certificates=certificates,
    )
    try:
        station_ids(ids, stations)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ids") from None
    with _refusals():
        status = run(settings, say=click.echo)
    sys.exit(status)


# -- keys ----------------------------------------------------------------------------------------------------


@evsys.group()
def key() -> None:
    """Keys of the API."""


@key.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(Role)), required=True, help="What it may do.")
@_takes_conf
def create_key(name: str, role: Role, conf: Path | None) -> None:
    """Make a key and print it. It is shown this once and kept nowhere."""
    from evsys.office.keys import new_key

    secret, work = new_key(name, role, datetime.now(UTC), by=OPERATOR)
    with _refusals():
        _write(conf, work)
    click.echo(secret)


@key.command("list")
@_takes_conf
def list_keys(conf: Path | None) -> None:
    """List the keys, not their secrets."""
    from rich.console import Console
    from rich.table import Table

    table = Table("ID", "NAME", "ROLE", "CREATED", "STATE", box=None, pad_edge=False)
    for each in _keys(conf):
        created = each.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        table.add_row(each.id, log.escaped(each.name), each.role, created, _state(each))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a program reads it: nothing is to be folded
    console.print(table)


@key.command("revoke")
@click.argument("key")
@_takes_conf
def revoke_key(key: str, conf: Path | None) -> None:
    """End a key, named by its id or by its name where only one has it."""
    from evsys.office.keys import revocation

    found = [each for each in _keys(conf) if key in (each.id, each.name) and each.revoked_at is None]
    if not found:
        raise click.ClickException(f"no key in force is called {key!r}")
    if len(found) > 1:
        raise click.ClickException(f"{len(found)} keys are called {key!r}: name the one by its id")
    with _refusals():
        _write(conf, revocation(found[0], datetime.now(UTC), by=OPERATOR))


def _keys(conf: Path | None) -> list[ApiKey]:
    from evsys.store.local import read_all

    with _refusals():
        return sorted(read_all(_database(conf), ApiKey), key=lambda each: each.created_at)


def _state(each: ApiKey) -> str:
    if each.revoked_at is not None:
        return "revoked"
    if each.expires_at is not None and each.expires_at <= datetime.now(UTC):
        return "expired"
    return "in force"


# -- users ---------------------------------------------------------------------------------------------------


@evsys.group()
def user() -> None:
    """People who sign in."""


@user.command("link")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(get_args(Role)), default="admin", help="Of one who is not there yet."
)
@_takes_conf
def make_link(name: str, role: Role, conf: Path | None) -> None:
    """Make a link with which NAME chooses a password and signs in, once. Who is not there yet is made."""
    from evsys.core.records import User
    from evsys.office.sign_in import LINK_PATH, link_work
    from evsys.store.local import read_all

    with _refusals():
        known = {each.id: each for each in read_all(_database(conf), User)}
        secret, work = link_work(name, known.get(name), role, datetime.now(UTC), by=OPERATOR)
        _write(conf, work)
    click.echo(f"{_load(conf).config.api.reached_at}{LINK_PATH}{secret}")


# -- the authority -------------------------------------------------------------------------------------------


@evsys.group()
def ca() -> None:
    """The authority that signs certificates of stations."""


_takes_kind = click.option(
    "--kind", type=click.Choice(["ecdsa", "rsa"]), default="ecdsa", show_default=True, help="Of its key."
)


@ca.command("init")
@click.option("--name", default="EVSYS station authority", show_default=True, help="Its common name.")
@_takes_kind
@_takes_conf
def init_ca(name: str, kind: "Kind", conf: Path | None) -> None:
    """Make the authority: its certificate and its key, in the folder of the configuration."""
    from evsys.office.authority import OwnAuthority

    config = _load(conf).config
    folder = configuration.ca_folder(config)
    with _refusals():
        OwnAuthority.create(
            folder, name, config.ca.organisation, kind, config.ca.passphrase, datetime.now(UTC)
        )
    click.echo(f"the authority is in {folder}: keep its key, ca.key, from everybody else")


@ca.command("show")
@_takes_conf
def show_ca(conf: Path | None) -> None:
    """Show the authority's certificate, which stations are to trust."""
    from cryptography.hazmat.primitives.serialization import Encoding

    root = _authority(conf).certificate
    click.echo(f"name     {root.subject.rfc4514_string()}")
    click.echo(f"serial   {root.serial_number:x}")
    click.echo(f"until    {root.not_valid_after_utc:%Y-%m-%d}")
    click.echo(f"SHA-256  {sha256(root.public_bytes(Encoding.DER)).hexdigest()}")
    click.echo(root.public_bytes(Encoding.PEM).decode(), nl=False)


@ca.command("issue")
@click.argument("hosts", nargs=-1, required=True)
@_takes_kind
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The folder to write to."
)
@_takes_conf
def issue_server(hosts: tuple[str, ...], kind: "Kind", out: Path, conf: Path | None) -> None:
    """Make a certificate and a key for a server that is called HOSTS: names or addresses."""
    from evsys.office.authority import pem_of, write_private

    authority, organisation = _authority(conf), _load(conf).config.ca.organisation
    with _refusals():
        certificate, key = authority.issue_server(hosts, organisation, kind, datetime.now(UTC))
        out.mkdir(parents=True, exist_ok=True)
        cert_file, key_file = (out / f"{hosts[0]}-{kind}.{ending}" for ending in ("pem", "key"))
        write_private(key_file, key)
        cert_file.write_bytes(pem_of(certificate))
    click.echo(f"{cert_file} and {key_file}")


@ca.command("revoke")
@click.argument("serial")
@_takes_conf
def revoke_certificate(serial: str, conf: Path | None) -> None:
    """End the certificate of a station."""
    from evsys.core.records import StationCertificate
    from evsys.office.certificates import revocation
    from evsys.store.local import read_all

    with _refusals():
        found = [each for each in read_all(_database(conf), StationCertificate) if each.serial == serial]
        if not found or found[0].revoked_at is not None:
            raise click.ClickException(f"no certificate in force has the serial number {serial}")
        _write(conf, revocation(found[0], datetime.now(UTC), by=OPERATOR)[1])


def _authority(conf: Path | None) -> "OwnAuthority":
    from evsys.office.authority import OwnAuthority

    ca = _load(conf).config.ca
    folder = configuration.ca_folder(_load(conf).config)
    with _refusals():
        authority = OwnAuthority.open(folder, ca.passphrase, ca.days)
    if authority is None:
        raise click.ClickException(f"there is no authority in {folder}: evsys ca init makes it")
    return authority


# -- backup --------------------------------------------------------------------------------------------------


@evsys.command()
@click.argument("file", type=click.Path(path_type=Path))
@_takes_conf
def backup(file: Path, conf: Path | None) -> None:
    """Copy the database to FILE, while the server runs or not, and verify the copy."""
    from evsys.store.backup import backup as copy

    with _refusals():
        rows = copy(_database(conf), file)
    click.echo(f"{file} holds {sum(rows.values())} rows and was verified")


@evsys.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_takes_conf
def restore(file: Path, conf: Path | None) -> None:
    """Put a backup in the place of the database. The server must be stopped."""
    from evsys.store.backup import restore as put_back

    database = _database(conf)
    with _refusals():
        aside = put_back(file, database)
    click.echo(f"{database} is as it was in {file}")
    if aside is not None:
        click.echo(f"the database that was there is {aside}")


# -- helpers -------------------------------------------------------------------------------------------------


def _load(conf: Path | None) -> Loaded:
    return configuration.load(conf, os.environ)


def _database(conf: Path | None) -> Path:
    return _load(conf).config.database.path


@contextmanager
def _refusals() -> Iterator[None]:
    """What the machine refuses, as one line."""
    from evsys.store.connections import DatabaseFailure
    from evsys.store.copying import BadCopy
    from evsys.store.lock import DatabaseInUse
    from evsys.store.migrating import WrongDatabase

    try:
        yield
    except EvsysError as error:
        raise click.ClickException(str(error)) from None
    except (WrongDatabase, DatabaseInUse, BadCopy, DatabaseFailure, FileExistsError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _write(conf: Path | None, work: Work) -> None:
    """Commit a Work beside a running server, which hears of it within a second."""
    from evsys.store.local import write_once

    match write_once(_database(conf), work):
        case Committed():
            return
        case Conflict():
            raise click.ClickException("somebody else changed it at the same moment: look again")
        case Failed(reason=reason):
            raise click.ClickException(f"the database did not take the change: {reason}")
        case other:
            raise click.ClickException(f"the change was not made: {type(other).__name__}")
