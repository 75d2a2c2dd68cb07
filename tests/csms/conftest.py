"""A central system on a fresh database, with one registered station and one card."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evsys.core.facts import Policy
from evsys.csms.node import NodeSettings
from evsys.store.migrating import migrate
from kit.central import Central, station, token


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, made once: migrating takes longer than most tests."""
    return migrate(tmp_path_factory.mktemp("database") / "evsys.db")


@pytest.fixture
def make_central(empty_database: Path, tmp_path: Path) -> Iterator[Callable[..., Central]]:
    """Makes a central system by its policy's and its settings' members."""
    made: list[Central] = []

    def make(**given: object) -> Central:
        path = tmp_path / f"evsys{len(made)}.db"
        shutil.copy(empty_database, path)
        members = {name: value for name, value in given.items() if name in Policy.__struct_fields__}
        others = {name: value for name, value in given.items() if name not in members}
        central = Central(path, policy=Policy(**members), settings=NodeSettings(**others))  # type: ignore[arg-type]
        made.append(central)
        central.put(station("CP1"), token("CARD"))
        return central

    yield make
    for central in made:
        central.close()


@pytest.fixture
def central(make_central: Callable[..., Central]) -> Central:
    return make_central()
