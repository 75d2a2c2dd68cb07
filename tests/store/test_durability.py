"""Nothing is settled before the disk has it."""

import asyncio
import itertools
from pathlib import Path

import pytest

from evsys.core.facts import NumbersFact
from evsys.core.work import Committed, Work
from evsys.store.sqlite import SqliteStore
from kit.clock import NOON
from kit.samples import meter_value
from kit.sync_gate import SyncGate
from kit.writer import SYNCHRONOUS, WriterProcess

HELD_S = 0.3
"""How long the gate is shut: a commit that does not wait for it takes a hundredth of this."""


def starts(digest: int) -> Work:
    work = Work(NOON, "CP-1")
    work.add_once(meter_value(digest))
    return work


async def settled_before_sync(path: Path, gate: SyncGate, synchronous: str) -> list[bool]:
    """For a Work and for a lease of numbers: whether they were settled while the gate was shut."""
    early = []
    with WriterProcess(path, gate.environment, spoilt=SYNCHRONOUS.format(synchronous)) as writer:
        store = await SqliteStore.open(path, writer.address, "gateway")
        assert await store.commit(starts(0)) == Committed(0)
        for digest in itertools.islice(itertools.count(1), 3):
            gate.shut()
            settling = asyncio.ensure_future(store.commit(starts(digest)))
            done, _ = await asyncio.wait([settling], timeout=HELD_S)
            early.append(bool(done))
            gate.open()
            assert await settling == Committed(0)
        gate.shut()
        numbers: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        store.fetch(NumbersFact(), numbers.set_result)
        done, _ = await asyncio.wait([numbers], timeout=HELD_S)
        early.append(bool(done))
        gate.open()
        assert isinstance(await numbers, range)
        await store.close()
    return early


async def test_nothing_is_settled_before_its_sync_has_returned(path: Path, tmp_path: Path) -> None:
    assert await settled_before_sync(path, SyncGate(tmp_path), "FULL") == [False] * 4


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_this_is_seen_to_fail_when_the_sync_is_taken_out(
    path: Path, tmp_path: Path, synchronous: str
) -> None:
    """That the gate and the question are right: a writer that does not sync is found out."""
    assert await settled_before_sync(path, SyncGate(tmp_path), synchronous) == [True] * 4
