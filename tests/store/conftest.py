from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.database import new_database
from kit.stores import Harness, InlineHarness, SqliteHarness


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return new_database(tmp_path)


@pytest.fixture(params=[InlineHarness, SqliteHarness], ids=["inline", "sqlite"])
async def harness(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Harness]:
    opened: Harness = await request.param.open(path)
    yield opened
    await opened.close()
