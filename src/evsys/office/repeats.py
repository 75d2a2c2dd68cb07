"""Requests that may be sent again: with an Idempotency-Key, one is done once however often it comes.

A request is reserved, durably, before anything is done for it. What is written for it by the office says in
the same commit that it was done; its answer is recorded before it is told. So a repeat finds one of four
things: the answer, which it gets; a request under way; one that was done and whose answer cannot be told; or
one that was cut short by the end of the server, of which nobody knows what came of it: then it is for people
to look. What is never done is to do it again.

A refusal did nothing: its key is free again, for the same request or a corrected one.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from msgspec import Raw, Struct
from msgspec.structs import replace

from evsys.core.commands import names_secret
from evsys.core.errors import AnswerGone, KeyReused, StoreUnavailable, TooManyKeys, UnderWay
from evsys.core.ports import Clock
from evsys.core.records import KeyedRequest
from evsys.core.work import Conflict, Work
from evsys.office.writing import Books, Once
from evsys.store.views.keyed_requests import keyed_request, keyed_requests_until
from evsys.store.views.reader import Reader

KEPT_FOR: Final = timedelta(hours=24)
"""A program that has not heard for a day asks a person."""
UNDER_WAY_FOR: Final = timedelta(seconds=150)
"""No request takes longer: one that was reserved before and has no answer was cut short."""
MAX_KEPT: Final = 5_000
"""Requests kept of one API key …"""
MAX_ANSWER_BYTES: Final = 32 * 1024
"""… and what is kept of the answer of each: 160 megabytes at the very most."""
SWEEP_EVERY_S: Final = 600.0
SWEPT_AT_ONCE: Final = 500

log = structlog.get_logger()


class Asked(Struct, frozen=True, kw_only=True):
    """A request as it is told from others. `digest` is of all that it says."""

    owner: str
    key: str
    digest: str


class Answer(Struct, frozen=True, kw_only=True):
    """What a request was answered. `unsure`: a failure that may have done something all the same."""

    status: int
    location: str = ""
    body: bytes = b""
    unsure: bool = False

    @property
    def nothing_done(self) -> bool:
        return 400 <= self.status < 500 or (self.status == 503 and not self.unsure)


class Repeats:
    """The requests of a running office that came with an Idempotency-Key."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock

    async def begin(
        self, asked: Asked, status: int, answer_of: Callable[[Work], Raw | None]
    ) -> Once | KeyedRequest:
        """Reserve a request, which is then to be done and ended; or what is recorded of it, where it was done
        before. For `status` and `answer_of` see `Once`. Raises KeyReused, UnderWay, AnswerGone, TooManyKeys
        or StoreUnavailable."""
        now = self._clock.now()
        found, kept = await self._reader.read(partial(keyed_request, owner=asked.owner, key=asked.key))
        wanted = KeyedRequest(owner=asked.owner, key=asked.key, digest=asked.digest, at=now)
        work = Work(now)
        if found is None:
            if kept >= MAX_KEPT:
                raise TooManyKeys(f"{kept} requests of this API key are kept: send without Idempotency-Key")
            work.add(wanted)
        elif found.at <= now - KEPT_FOR:
            wanted = replace(wanted, version=found.version + 1)
            work.change(wanted)
        else:
            return self._done(found, asked)
        match await self._books.write(work):
            case None:
                return Once(wanted, status, answer_of)
            case Conflict(record=KeyedRequest() as faster):
                return self._done(faster, asked)
            case _:
                raise UnderWay("a request with this Idempotency-Key has just been refused: send it again")

    def _done(self, found: KeyedRequest, asked: Asked) -> KeyedRequest:
        if found.digest != asked.digest:
            raise KeyReused(
                "this Idempotency-Key came before with another request: the client is wrong, a key is for "
                "one request (method, target and body)"
            )
        if found.status:
            return found
        if found.at > self._clock.now() - UNDER_WAY_FOR:
            raise UnderWay("the request with this Idempotency-Key is under way: ask again in a moment")
        raise AnswerGone(
            "the request with this Idempotency-Key was cut short, and whether it was done is not known: look "
            "whether it was, and use another key"
        )

    async def end(self, once: Once, answer: Answer) -> None:
        """Record what a request was answered; after a refusal its key is free again."""
        record = once.record
        work = Work(self._clock.now())
        if not record.status and answer.nothing_done:
            work.remove(record)
        elif not record.status and (answer.unsure or answer.status == 500):
            return  # nobody knows: it stays as one that was cut short
        else:
            kept = Raw(answer.body) if _may_be_kept(answer.body) else None
            told = replace(record, status=answer.status, location=answer.location, answer=kept)
            if told == record:
                return  # it was recorded in the commit of what was done
            work.change(replace(told, version=record.version + 1))
        try:
            await self._books.write(work)
        except StoreUnavailable as error:
            log.warning("the answer of a request with an Idempotency-Key is not kept", reason=str(error))

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                while await self.sweep() == SWEPT_AT_ONCE:
                    pass
            except StoreUnavailable as error:
                log.warning("old requests with an Idempotency-Key could not be swept", reason=str(error))
            await asyncio.sleep(SWEEP_EVERY_S)

    async def sweep(self) -> int:
        """Forget the oldest of the requests that are too old to be repeated. How many."""
        now = self._clock.now()
        old = await self._reader.read(partial(keyed_requests_until, at=now - KEPT_FOR, limit=SWEPT_AT_ONCE))
        work = Work(now)
        for each in old:
            # The change does nothing but make sure that nobody uses the key again at this moment.
            work.change(replace(each, version=each.version + 1))
            work.remove(each)
        if work:
            await self._books.write(work)
        return len(old)


def _may_be_kept(body: bytes) -> bool:
    return 0 < len(body) <= MAX_ANSWER_BYTES and not names_secret(body)
