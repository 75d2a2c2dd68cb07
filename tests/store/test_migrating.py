"""Databases are made, changed with a copy kept, and refused when they are newer."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config

from evsys.store import migrating
from evsys.store.compiled import VERSION
from evsys.store.copying import verify
from evsys.store.lock import writer_lock
from evsys.store.migrating import WrongDatabase, check, migrate, path_of, version_of


def set_version(path: Path, version: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_a_new_database_is_made_with_its_folder_and_nothing_is_copied(tmp_path: Path) -> None:
    path = migrate(f"sqlite:///{tmp_path}/deep/er/evsys.db")
    assert sorted(each.name for each in path.parent.iterdir()) == ["evsys.db", "evsys.db.writer"]
    assert version_of(path) == VERSION
    check(path)


def test_a_database_of_this_version_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    migrate(path)
    assert path.read_bytes() == before


def test_an_older_database_is_changed_and_a_verified_copy_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A revision after the newest, from a folder of its own, as a later program would bring it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO leases VALUES ('numbers', 501)")
    write_revision(tmp_path, "op.add_column('leases', sa.Column('note', sa.Text()))", monkeypatch)
    migrate(path)
    assert version_of(path) == "9999"
    (copy,) = path.parent.glob("evsys.db.before-9999-*")
    assert version_of(copy) == VERSION
    assert verify(copy)["leases"] == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM leases").fetchall() == [("numbers", 501, None)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change = (
        "op.execute('CREATE TABLE half (id TEXT)'); op.execute('DROP TABLE leases'); raise OSError('broken')"
    )
    write_revision(tmp_path, change, monkeypatch)
    with pytest.raises(OSError, match="broken"):
        migrate(path)
    assert version_of(path) == VERSION
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)


def write_revision(folder: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = folder / "scripts"
    (scripts / "versions").mkdir(parents=True)
    for each in (migrating.SCRIPTS / "env.py", *(migrating.SCRIPTS / "versions").glob("r*.py")):
        (scripts / each.relative_to(migrating.SCRIPTS)).write_text(each.read_text())
    (scripts / "versions" / "r9999_next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9999'\ndown_revision = '{VERSION}'\ndef upgrade():\n    {change}\n"
    )
    monkeypatch.setattr(migrating, "SCRIPTS", scripts)
    monkeypatch.setattr(migrating, "VERSION", "9999")


def test_a_newer_database_is_refused(path: Path) -> None:
    set_version(path, "8888")
    before = path.read_bytes()
    for refusing in (migrate, check):
        with pytest.raises(WrongDatabase, match="newer than this program"):
            refusing(path)
    assert path.read_bytes() == before


def test_an_older_database_is_for_the_server_to_bring_up_to_date(path: Path) -> None:
    set_version(path, "0000")
    with pytest.raises(WrongDatabase, match="older version"):
        check(path)


def test_a_database_that_is_not_there_or_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongDatabase, match="there is no database"):
        check(tmp_path / "none.db")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    for refusing in (migrate, check):
        with pytest.raises(WrongDatabase, match="another program"):
            refusing(other)


def test_only_files_of_sqlite_can_be_opened() -> None:
    assert path_of("sqlite:///data/evsys.db") == Path("data/evsys.db")
    assert path_of("sqlite:////var/lib/evsys.db") == Path("/var/lib/evsys.db")
    with pytest.raises(ValueError, match="mysql"):
        path_of("mysql://x")


def test_two_processes_migrate_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "evsys.db"
    program = "import sys; from evsys.store.migrating import migrate; migrate(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(2)]
    assert [each.wait(30) for each in both] == [0, 0]
    check(path)
    assert not list(tmp_path.glob("*.before-*"))


def test_a_migration_waits_until_the_writer_is_gone(path: Path) -> None:
    set_version(path, VERSION)
    program = "import sys; from evsys.store.migrating import migrate; migrate(sys.argv[1])"
    lock = writer_lock(path)
    lock.acquire()
    migrating_process = subprocess.Popen([sys.executable, "-c", program, str(path)])
    with pytest.raises(subprocess.TimeoutExpired):
        migrating_process.wait(1.5)
    lock.close()
    assert migrating_process.wait(30) == 0


def test_the_migrations_are_part_of_the_package() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrating.SCRIPTS))
    assert (migrating.SCRIPTS / "env.py").is_file()
    assert migrating.SCRIPTS.is_relative_to(Path(migrating.__file__).parent)
