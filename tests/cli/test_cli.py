"""The command line: what each command prints, and its exit status."""

import re
import ssl
from pathlib import Path

import httpx
import pytest

from evsys.store.lock import server_lock
from evsys.store.migrating import migrate
from kit.program import evsys, running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a database, as a server leaves it."""
    migrate(tmp_path / "data" / "evsys.db")
    return tmp_path


def test_the_version_is_told(tmp_path: Path) -> None:
    done = evsys("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-conf=bad.yml",),
        ("-conf", "bad.yml"),
        ("--conf", "bad.yml"),
        ("--conf=bad.yml",),
        ("serve", "--conf", "bad.yml"),
        ("serve", "-conf=bad.yml"),
        ("check-config", "--conf", "bad.yml"),
        ("--conf", "bad.yml", "check-config"),
        ("key", "list", "--conf", "bad.yml"),
        ("backup", "copy.db", "--conf", "bad.yml"),
    ],
)
def test_every_form_reads_the_configuration_it_is_given(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "bad.yml").write_text("\nlisten:\n  prot: 5000\n")
    done = evsys(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evsys: bad.yml:3: unknown key listen.prot; did you mean listen.port?\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sevre",), "No such command 'sevre'."),
        (("serve", "--confg", "x"), "No such option '--confg'."),
        (("key", "create"), "Missing argument 'NAME'."),
        (("key", "create", "x", "--role", "boss"), "Invalid value for '--role': 'boss' is not one of"),
        (("serve", "--conf", "nowhere.yml"), "nowhere.yml: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = evsys(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("evsys: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_good_configuration_is_called_good_with_its_notes(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("payment:\n  enabled: true\n  api_url: http://x\n")
    done = evsys("check-config", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == (
        "payment.enabled is true, but payment is not active yet: it will do nothing\nconfig.yml is good\n"
    )


def test_what_is_wrong_with_a_model_profile_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("quirks:\n  folder: models\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.yml").write_text("- name: acme\n  vendr: Acme\n")
    done = evsys("check-config", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evsys: models/mine.yml:2: unknown key vendr; did you mean vendor?\n"


def test_a_key_is_printed_alone_listed_without_its_secret_and_revoked(folder: Path) -> None:
    made = evsys("key", "create", "office\x1b[2J", "--role", "operator", cwd=folder)
    assert (made.returncode, made.stderr) == (0, "")
    assert re.fullmatch(r"[\w-]{43}\n", made.stdout)

    listed = evsys("key", "list", cwd=folder)
    assert "operator" in listed.stdout
    assert "in force" in listed.stdout
    assert made.stdout.strip() not in listed.stdout
    assert "\x1b" not in listed.stdout

    assert evsys("key", "revoke", "office\x1b[2J", cwd=folder).returncode == 0
    assert "revoked" in evsys("key", "list", cwd=folder).stdout
    again = evsys("key", "revoke", "office", cwd=folder)
    assert (again.returncode, again.stderr) == (1, "evsys: no key in force is called 'office'\n")


def test_of_two_keys_of_one_name_one_is_revoked_by_its_id(folder: Path) -> None:
    for _ in range(2):
        evsys("key", "create", "twin", "--role", "viewer", cwd=folder)
    refused = evsys("key", "revoke", "twin", cwd=folder)
    assert (refused.returncode, refused.stderr) == (
        1,
        "evsys: 2 keys are called 'twin': name the one by its id\n",
    )
    key_id = evsys("key", "list", cwd=folder).stdout.splitlines()[1].split()[0]
    assert evsys("key", "revoke", key_id, cwd=folder).returncode == 0
    assert evsys("key", "revoke", "twin", cwd=folder).returncode == 0


def test_a_command_on_a_database_that_is_not_there_says_so_and_makes_none(tmp_path: Path) -> None:
    done = evsys("key", "create", "x", "--role", "viewer", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "evsys: there is no database at data/evsys.db: `evsys serve` makes it\n"
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_restored(folder: Path) -> None:
    evsys("key", "create", "before", "--role", "viewer", cwd=folder)
    saved = evsys("backup", "copy.db", cwd=folder)
    assert saved.returncode == 0, saved.stderr
    evsys("key", "create", "after", "--role", "viewer", cwd=folder)

    again = evsys("backup", "copy.db", cwd=folder)
    assert (again.returncode, again.stderr) == (1, "evsys: copy.db exists already\n")

    restored = evsys("restore", "copy.db", cwd=folder)
    assert restored.returncode == 0, restored.stderr
    listed = evsys("key", "list", cwd=folder).stdout
    assert "before" in listed
    assert "after" not in listed


def test_what_is_no_backup_is_not_restored(folder: Path) -> None:
    (folder / "copy.db").write_text("a letter")
    done = evsys("restore", "copy.db", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("evsys: ")
    assert done.stderr.count("\n") == 1
    assert evsys("key", "list", cwd=folder).returncode == 0


def test_nothing_is_restored_under_a_running_server(folder: Path) -> None:
    evsys("backup", "copy.db", cwd=folder)
    with server_lock(folder / "data" / "evsys.db"):
        done = evsys("restore", "copy.db", cwd=folder)
    assert done.returncode == 1
    assert "is held by another process" in done.stderr


# -- the authority -------------------------------------------------------------------------------------------


def test_the_authority_is_made_shown_and_signs_for_servers(folder: Path) -> None:
    none = evsys("ca", "show", cwd=folder)
    assert (none.returncode, none.stderr) == (
        1,
        "evsys: there is no authority in data/ca: evsys ca init makes it\n",
    )
    made = evsys("ca", "init", "--name", "The root", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert (folder / "data" / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    again = evsys("ca", "init", cwd=folder)
    assert (again.returncode, again.stdout) == (1, "")
    shown = evsys("ca", "show", cwd=folder).stdout
    assert "name     CN=The root\n" in shown
    assert (folder / "data" / "ca" / "ca.pem").read_text() in shown
    for kind in ("ecdsa", "rsa"):
        issued = evsys(
            "ca", "issue", "evsys.example", "127.0.0.1", "--kind", kind, "--out", "tls", cwd=folder
        )
        assert issued.returncode == 0, issued.stderr
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = folder / "tls" / f"evsys.example-{kind}"
        context.load_cert_chain(f"{name}.pem", f"{name}.key")
    assert evsys("ca", "revoke", "abcd", cwd=folder).stderr == (
        "evsys: no certificate in force has the serial number abcd\n"
    )


def test_a_kind_of_misbehaviour_that_is_none_is_told_with_those_there_are(tmp_path: Path) -> None:
    done = evsys("simulate", "--misbehave", "huge,huje", cwd=tmp_path)
    assert done.returncode == 2
    assert "'huje' is none of all, " in done.stderr


def test_a_link_lets_an_administrator_in_who_cannot_sign_in_any_more(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        made = program.run("user", "link", "rescue")
        assert made.returncode == 0, made.stderr
        link = made.stdout.strip()
        assert link.startswith(f"{program.api}/link/")
        page = httpx.get(link, timeout=20, trust_env=False)
        assert page.status_code == 200
        assert "rescue" in page.text
        form = {"password": "correct horse battery", "again": "correct horse battery"}
        headers = {"Sec-Fetch-Site": "same-origin"}
        with httpx.Client(trust_env=False, timeout=20) as browser:
            assert browser.post(link, data=form, headers=headers).status_code == 303
            assert browser.get(f"{program.api}/users").status_code == 200
        assert program.rows("SELECT role FROM users WHERE id = 'rescue'") == [("admin",)]
