"""The store in one process without a loop: the same rows, frames and statements as with a writer process, run
when `flush` is called. For the simulation on a stepped clock, and for tests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from evsys.core import records
from evsys.core.credentials import Credentials
from evsys.core.events import LoggedEvent
from evsys.core.facts import Fact, NumbersFact
from evsys.core.ports import FactValue, Fetched, Loaded
from evsys.core.work import Failed, Settled, Settlement, Work
from evsys.store import loading, reading
from evsys.store.batch import (
    CANNOT_SAY,
    HEAD,
    NUMBERS_LEASE,
    Batch,
    Former,
    decode_to_writer,
    settlements,
)
from evsys.store.connections import open_to_write
from evsys.store.writer import Step, Writer

CLIENT: Final = "inline"


class InlineStore:
    """See `core.ports.Store`. Callbacks are called from `flush` and nowhere else. `step` hears of every
    statement before it is run and may raise: then nothing is told, as if the process had died there; `crash`
    the store and open another on the same file."""

    def __init__(self, path: Path, step: Step | None = None) -> None:
        self._connection = open_to_write(path)
        self._writer = Writer(self._connection, step)
        self._number = self._writer.welcome(CLIENT).number
        self._former = Former()
        self._settled: list[Settled] = []
        self._answers: list[Callable[[], None]] = []
        self.failure = ""

    @property
    def pending(self) -> bool:
        """Whether `flush` has something to do."""
        return bool(self._settled or self._answers)

    def submit(self, work: Work, settled: Settled) -> None:
        try:
            self._former.add(work)
        except CANNOT_SAY as error:
            failed = Failed(f"no row can say this: {error!r}")
            self._answers.append(lambda: settled(failed))
            return
        self._settled.append(settled)

    def fetch(self, fact: Fact, fetched: Fetched) -> None:
        self._answers.append(lambda: fetched(self._fact(fact)))

    def load(self, station_id: str, loaded: Loaded) -> None:
        self._answers.append(lambda: loaded(loading.load(self._connection, station_id)))

    def flush(self) -> bool:
        """Commits what was submitted as one batch and answers what was asked, in this order; says whether
        there was anything. What the callbacks submit waits for the next flush."""
        if not self.pending:
            return False
        former, waiting, answers = self._former, self._settled, self._answers
        self._former, self._settled, self._answers = Former(), [], []
        results = self._commit(former) if waiting else []
        for settled, settlement in zip(waiting, results, strict=True):
            settled(settlement)
        for answer in answers:
            answer()
        return True

    async def commit(self, work: Work) -> Settlement:
        """Commits a Work at once, with whatever else was submitted."""
        outcome: list[Settlement] = []
        self.submit(work, outcome.append)
        self.flush()
        return outcome[0]

    def crash(self) -> None:
        """What the death of the process leaves behind: what was not committed is gone."""
        self._writer.close()

    async def close(self) -> None:
        while self.flush():
            pass
        self._writer.close()

    async def stations(self) -> Sequence[records.Station]:
        return reading.stations(self._connection)

    async def credentials(self, station_id: str = "") -> Sequence[Credentials]:
        return reading.credentials(self._connection, station_id)

    async def revoked_certificates(self) -> Sequence[str]:
        return reading.revoked_certificates(self._connection)

    async def stations_to_look_after(self) -> Sequence[str]:
        return reading.stations_to_look_after(self._connection)

    async def open_uses(self) -> Mapping[str, frozenset[str]]:
        return reading.open_uses(self._connection)

    async def people_events(self, after: int, limit: int = 1000) -> Sequence[LoggedEvent]:
        return reading.people_events(self._connection, after, limit)

    async def last_seq(self) -> int:
        return reading.last_seq(self._connection)

    def _commit(self, former: Former) -> list[Settlement]:
        self._number += 1
        content, unsaid = former.frame(self._number)
        batch = decode_to_writer(content[HEAD:])
        assert isinstance(batch, Batch)
        answer = self._writer.write(CLIENT, batch)
        self.failure = answer.failure
        if answer.failure:
            return [Failed(answer.failure)] * former.works
        results = settlements(former.told, answer.last_seq, answer.refused)
        for owner, reason in unsaid.items():
            results[owner] = Failed(reason)
        return results

    def _fact(self, fact: Fact) -> FactValue | Failed:
        if not isinstance(fact, NumbersFact):
            return reading.fact(self._connection, fact)
        leased = self._writer.lease(NUMBERS_LEASE)
        return Failed(leased.failure) if leased.failure else range(leased.first, leased.first + leased.count)
