from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.office import RunningOffice


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[RunningOffice]:
    async with RunningOffice.run(tmp_path) as running:
        yield running
