"""Turns: one station at a time decides, commits, adopts and answers (architecture §1).

A `Running` station takes one turn after the other: a CALL of the station, or an inner turn of the node (its
connection claimed or lost, a command recorded, an abandoned session closed). The decision fills a Work; the
Work is durable before memory changes, before the reply leaves and before the event is told. Until then all
that comes waits in a bounded inbox, so replies leave in the order in which their CALLs came.

What can happen to a turn:

* a fact is missing: it is fetched under a time-out and the turn is taken again with it;
* the commit conflicts: the row that is there is a fact too, or memory is behind and is loaded again;
* the commit fails: memory is as before, the station hears InternalError and its retry is clean;
* the outcome is unknown: the same, and the state is loaded from disk before the next turn;
* the station is fenced (a newer owner): the connection is closed and nothing more is written;
* its handler has a bug: InternalError, one line in the log, and the next turn.

The hot path makes no task, future, lock or closure: what a turn needs stands in the slots of its station.
"""

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from msgspec.structs import replace

from evsys.core.events import RESTARTED, StationConnected, StationDisconnected
from evsys.core.facts import Fact, FactMissing, StartFact, TokenFact
from evsys.core.ports import FactValue
from evsys.core.provisioning import admits
from evsys.core.records import MeterValue, Record, Reservation, Token, Transaction
from evsys.core.records import Station as Settings
from evsys.core.station import Station
from evsys.core.work import Committed, Conflict, Failed, Fenced, Settlement, Turn, Unknown, Work
from evsys.core.workarounds import together
from evsys.csms.facts import TurnFacts
from evsys.csms.shared import Inner, Shared
from evsys.ocpp.errors import Refusal
from evsys.ocpp.lenient import NotText
from evsys.ocpp.rpc import Call, Conversation, Refused

if TYPE_CHECKING:
    from evsys.csms.connection import Connection

MAX_INBOX_FRAMES: Final = 1000
"""CALLs of one station that may wait for their turn. A conforming station has one open; the rest is room for
those that pipeline their offline queue."""
MAX_INBOX_BYTES: Final = 4 * 2**20
"""The same in bytes: a thousand frames of the largest size would be a gigabyte."""
MAX_TAKES: Final = 20
"""How often one turn is taken: a start needs a number, two tokens, and perhaps a conflict resolved."""
FACT_TIMEOUT_S: Final = 10.0
"""How long a turn waits for a fact or for its station's state; less than a station waits for its answer."""

CLOSE_GOING_AWAY: Final = 1001
CLOSE_NOT_TEXT: Final = 1007
CLOSE_POLICY: Final = 1008

NOTHING_CHANGED: Final = Committed()

log = structlog.get_logger()


class Running:
    """A running station: connected, or in memory because its sessions are looked after."""

    __slots__ = (
        "_claiming",
        "_claims",
        "_connection",
        "_facts",
        "_inbox",
        "_inbox_bytes",
        "_inbox_frames",
        "_inner",
        "_lost_reason",
        "_message",
        "_newer_settings",
        "_noted",
        "_removed",
        "_reply",
        "_settled",
        "_takes",
        "_ticket",
        "_unsure",
        "_wanted",
        "_work",
        "claimed",
        "connection",
        "epoch",
        "id",
        "shared",
        "state",
        "turning",
    )

    def __init__(self, shared: Shared, station_id: str) -> None:
        self.id = station_id
        self.state: Station | None = None
        """None until it is loaded, and again when what disk has is not known."""
        self.connection: Connection | None = None
        """The newest connection while it is open."""
        self.claimed = False
        """Whether disk says that the station is ours through this connection."""
        self.epoch: int | None = None
        """Of our last claim; None before the first in this process."""
        self.turning = False
        """Whether a turn is under way; false only when nothing waits, or all is held until the next tick."""
        self.shared = shared
        self._facts = TurnFacts(shared.facts)
        self._inbox: deque[tuple[Connection, Call | Refused, int] | Inner] = deque()
        self._inbox_frames = 0
        self._inbox_bytes = 0
        self._lost_reason = ""
        self._newer_settings: Settings | None = None
        self._ticket = 0
        self._unsure: list[str] = []
        """Ids of transactions whose use of a token may be open or not, until the state is loaded again."""
        self._wanted = False
        """Whether the state is to be loaded although no turn waits for it."""
        self._removed = False
        """Whether people removed the station: nothing more is written of it."""
        self._claiming: Connection | None = None
        # The turn under way:
        self._connection: Connection | None = None
        self._message: Call | None = None
        self._inner: Inner | None = None
        self._work: Work | None = None
        self._reply = b""
        self._takes = 0
        self._noted = False
        """Whether its repairs were counted: it may be taken again."""
        self._claims: list[str] | None = None
        self._settled = self._on_settled

    # -- what comes ---

    def received(self, connection: "Connection", message: Call | Refused, size: int) -> None:
        """A CALL of the station, or one that cannot be read and is refused in its order."""
        if self.claimed and not self.turning and self.state is not None and type(message) is Call:
            self.turning = True
            self._connection = connection
            self._message = message
            if self._decide():
                self._drain()
            return
        if self._inbox_frames >= MAX_INBOX_FRAMES or self._inbox_bytes + size > MAX_INBOX_BYTES:
            self._drop_frames()
            connection.close(CLOSE_POLICY, "too many messages wait for their answer")
            return
        self._inbox.append((connection, message, size))
        self._inbox_frames += 1
        self._inbox_bytes += size
        self.nudge()

    def take(self, decide: Callable[[Turn], None], done: Callable[[Settlement], None]) -> None:
        """Take a turn of the node's own, after what waits already."""
        self._inbox.append(Inner(decide, done))
        self.nudge()

    def connect(self, connection: "Connection") -> None:
        """The newest authenticated socket of the station: it wins."""
        old = self.connection
        self.connection = connection
        self.claimed = self._removed = False
        if old is not None:
            connection.repaired(("two_sockets",))
            old.replaced()
        self.get_along()
        self.nudge()

    def lost(self, connection: "Connection", reason: str) -> None:
        """A connection has ended. Of one that was replaced, nothing follows."""
        if connection is not self.connection:
            return
        self.connection = None
        self.claimed = False
        self._lost_reason = reason
        self.nudge()

    def look_after(self) -> None:
        """Load the state although nobody is connected: sessions are open, or disk says that a link is."""
        self._wanted = True
        self.nudge()

    def refresh(self, settings: Settings) -> None:
        """People changed what they say of the station."""
        if self.state is not None:
            self.state.adopt(settings)
            self.get_along()
        else:
            self._newer_settings = settings

    def reserve(self, reservation: Reservation) -> None:
        """People made or changed a reservation. A state that is not loaded will come with it."""
        if self.state is not None:
            self.state.adopt(reservation)

    def get_along(self) -> None:
        """Learn what is to be done differently for the station: it is loaded or connected, has booted, or
        people changed what they say of it."""
        state = self.state
        if state is None:
            return
        settings, status = state.settings, state.status
        profile = self.shared.models.profile(
            settings.model_profile, status.vendor, status.model, status.firmware_version
        )
        state.workarounds = together(settings.workarounds, profile)
        if self.connection is not None:
            self.connection.conversation.mends = bool(state.workarounds.mend_json)

    def remove(self) -> None:
        """People removed the station."""
        self._removed = True
        if self.connection is not None:
            self.connection.close(CLOSE_POLICY, "the station was removed")

    def nudge(self) -> None:
        """Go on where nothing is under way."""
        if not self.turning:
            self.shared.held.discard(self)
            self.turning = True
            self._drain()

    def timed_out(self) -> None:
        """What was waited for did not come in time."""
        self._ticket += 1
        self.shared.waiting.pop(self, None)
        self.shared.fails("it does not answer in time")
        if self.state is None:
            self._not_loaded("its state could not be read in time")
        elif self._give_up(Failed("a fact could not be read in time")):
            self._drain()

    @property
    def answering(self) -> bool:
        """Whether a CALL of the station is being handled: no CALL of ours leaves before its reply."""
        return self._message is not None

    @property
    def idle(self) -> bool:
        return not self.turning and not self._inbox

    @property
    def inbox_frames(self) -> int:
        return self._inbox_frames

    # -- one after the other ---

    def _drain(self) -> None:
        under_way = self._inbox or self._message is not None or self._inner is not None
        if not under_way and self.claimed and self.state is not None:
            self.turning = False  # the usual end of a turn, told quickly
            return
        while self._step():
            pass

    def _step(self) -> bool:
        """Take the next turn. False where there is none, or it is under way."""
        state = self.state
        if state is None:
            if self._inner is None and self._message is None and not self._inbox and not self._unsettled():
                self.turning = False
                return False
            return self._load()
        if self._message is not None or self._inner is not None:
            return self._decide()  # loaded again for the turn under way
        if self.connection is not None and not self.claimed:
            if self in self.shared.held:
                self.turning = False
                return False
            self._claiming = self.connection
            self._inner = Inner(self._claim, self._on_claimed)
            return self._decide()
        if self._inbox:
            entry = self._inbox.popleft()
            if isinstance(entry, Inner):
                self._inner = entry
                return self._decide()
            self._inbox_frames -= 1
            self._inbox_bytes -= entry[2]
            return self._hear(entry[0], entry[1])
        if self._is_ours_and_gone(state):
            self._inner = Inner(self._part, self._on_parted)
            return self._decide()
        self.turning = False
        return False

    def _is_ours_and_gone(self, state: Station) -> bool:
        """Whether disk believes in a connection that has ended, and no newer owner has one."""
        if self.connection is not None or not state.status.connected or self in self.shared.held:
            return False
        if self._removed:
            return False
        return self.epoch is None or self.epoch >= state.status.epoch

    def _unsettled(self) -> bool:
        """Whether the state is wanted although no turn waits."""
        return self not in self.shared.held and (self.connection is not None or self._wanted)

    def _hear(self, connection: "Connection", message: Call | Refused) -> bool:
        if isinstance(message, Refused):
            self.shared.counts.refused += 1
            refusal = message.refusal
            connection.send(connection.conversation.error(message.id, refusal.code, refusal.description))
            return True
        self._connection = connection
        self._message = message
        return self._decide()

    # -- decide ---

    def _decide(self) -> bool:
        """Decide the turn under way. True when it is over already."""
        station = self.state
        assert station is not None
        shared = self.shared
        now = shared.clock.now()
        work = Work(now, self.id, self.epoch)
        turn = Turn(station, self._facts, now, work)
        message = self._message
        try:
            if message is not None:
                self._reply = self._answer(turn, message)
            elif self._inner is not None:
                self._inner.decide(turn)
        except FactMissing as missing:
            return self._fetch(missing.fact)
        except Refusal as refusal:
            shared.counts.refused += 1
            self._note(("refused_call",))
            self._reply = self._error(refusal)
            return self._finish(NOTHING_CHANGED)
        except NotText:
            if self._connection is not None:
                self._connection.close(CLOSE_NOT_TEXT, "not UTF-8")
            return self._finish(NOTHING_CHANGED)
        except Exception as error:
            return self._bug(error)
        if turn.quirks:
            self._note(turn.quirks)
        if not work.ops and not work.events:
            return self._finish(NOTHING_CHANGED)
        if work.events:
            self._claim_uses(work)
        self._work = work
        shared.store.submit(work, self._settled)
        return False

    def _answer(self, turn: Turn, message: Call) -> bytes:
        connection = self._connection
        assert connection is not None
        if not admits(turn, message.action):
            raise Refusal("SecurityError", "the station is not accepted: only its boot is heard")
        reply = connection.dialect.answer(turn, message.action, message.payload, message.quirk)
        return Conversation.result(message.id, reply) if message.awaits_answer else b""

    def _note(self, quirks: Sequence[str]) -> None:
        """Count what the message under way needed, once however often its turn is taken."""
        if self._message is not None and self._connection is not None and not self._noted:
            self._noted = True
            self._connection.repaired(quirks, self._message.payload)

    def _error(self, refusal: Refusal) -> bytes:
        message, connection = self._message, self._connection
        if message is None or connection is None or not message.awaits_answer:
            return b""
        return connection.conversation.error(message.id, refusal.code, refusal.description)

    def _bug(self, error: BaseException) -> bool:
        """A bug costs one turn: InternalError to the station, one line in the log."""
        action = self._message.action if self._message is not None else ""
        lines = "".join(traceback.format_exception(error))
        log.error("a bug in a turn", station=self.id, action=action[:50], exception=lines)
        return self._give_up(Failed("a bug"))

    def _claim_uses(self, work: Work) -> None:
        """Claim the tokens of starts at the decision, so that no other start takes them meanwhile."""
        for _, record in work.ops:
            if isinstance(record, Transaction) and self.shared.facts.uses.add(record):
                if self._claims is None:
                    self._claims = []
                self._claims.append(record.id)

    def _release_uses(self) -> None:
        if self._claims is not None:
            for transaction_id in self._claims:
                self.shared.facts.uses.discard(transaction_id)
            self._claims = None

    # -- facts ---

    def _fetch(self, fact: Fact) -> bool:
        self._takes += 1
        self.shared.counts.retaken += 1
        if self._takes >= MAX_TAKES:
            log.error("a turn finds no end", station=self.id, fact=repr(fact))
            return self._give_up(Failed("too many facts are missing"))
        self._ticket += 1
        self.shared.waiting[self] = self.shared.clock.monotonic() + FACT_TIMEOUT_S
        self.shared.facts.fetch(fact, partial(self._on_fetched, self._ticket, fact))
        return False

    def _on_fetched(self, ticket: int, fact: Fact, value: FactValue | Failed) -> None:
        if ticket != self._ticket:
            return  # it was given up
        self.shared.waiting.pop(self, None)
        if isinstance(value, Failed):
            over = self._give_up(value)
        else:
            self._facts.give(fact, value)
            over = self._decide()
        if over:
            self._drain()

    # -- settle ---

    def _on_settled(self, settlement: Settlement) -> None:
        try:
            over = self._adopt(settlement) if type(settlement) is Committed else self._settle(settlement)
        except Exception as error:
            self._stale()
            over = self._bug(error)
        if over:
            self._drain()

    def _settle(self, settlement: Settlement) -> bool:
        """A commit that was none."""
        shared = self.shared
        if isinstance(settlement, Conflict):
            shared.counts.conflicts += 1
            self._release_uses()
            return self._again_after(settlement.record)
        if isinstance(settlement, Fenced):
            log.warning("the station is owned by a newer connection elsewhere", station=self.id)
            self._release_uses()
            self._stale()
            self._drop_frames()
            connection, self.connection, self.claimed = self.connection, None, False
            if connection is not None:
                connection.close(CLOSE_GOING_AWAY, "the station is connected elsewhere")
            return self._give_up(settlement)
        assert isinstance(settlement, Failed | Unknown)
        shared.fails(settlement.reason)
        if isinstance(settlement, Unknown):
            self._stale()
        return self._give_up(settlement)

    def _adopt(self, committed: Committed) -> bool:
        """Memory becomes what disk is; then the reply goes out; then the events are told."""
        shared, work, station = self.shared, self._work, self.state
        assert work is not None
        assert station is not None
        if shared.failure:
            shared.works()
        adopt = station.adopt
        for _, record in work.ops:
            adopt(record)
            if type(record) is MeterValue:
                shared.samples[record.station_id, record.evse_id] = record
        events = work.events
        self._claims = None
        if not events:
            return self._finish(committed)
        for _, record in work.ops:
            if isinstance(record, Transaction):
                if record.ended_at is not None:
                    shared.facts.uses.discard(record.id)
            elif isinstance(record, Token):
                shared.facts.keep(record)
        self._finish(committed)
        shared.told(self, events, committed.last_seq)
        return True

    def _again_after(self, record: Record | None) -> bool:
        """A conflict: take the turn again with the row that is there, or with the station's state of disk."""
        self._takes += 1
        self._facts.renumber()
        if self._takes >= MAX_TAKES or self._work is None:
            log.error("a turn conflicts again and again", station=self.id, with_=type(record).__name__)
            return self._give_up(Failed("conflict"))
        if isinstance(record, Token):
            self._facts.give(TokenFact(record.id), record)
            self.shared.facts.keep(record)
            return self._decide()
        if isinstance(record, Transaction) and record.start_key is not None:
            ours = (each.start_key for _, each in self._work.ops if isinstance(each, Transaction))
            if record.start_key in ours:
                self._facts.give(StartFact(record.start_key), record)
                return self._decide()
        if self._inner is not None:
            return self._finish(Conflict(record))
        self._stale()
        return True  # the next step loads the state and takes this turn again

    def _give_up(self, settlement: Failed | Fenced | Unknown) -> bool:
        """The turn came to nothing: InternalError to the station, and memory as before."""
        self.shared.counts.failed += 1
        self._release_uses()
        self._reply = self._error(Refusal("InternalError", "the message could not be stored, send it again"))
        return self._finish(settlement)

    def _finish(self, settlement: Settlement) -> bool:
        """The turn is over: answer, and let a CALL of ours go that had to wait for this reply."""
        inner, connection, reply = self._inner, self._connection, self._reply
        if self._work is not None or self._takes or self._noted:
            self._facts.reset()
            self._takes = 0
            self._noted = False
        self._inner = self._connection = self._message = self._work = None
        self._reply = b""
        if connection is not None:
            if reply:
                self.shared.counts.answered += 1
                connection.send(reply)
            if connection.calls is not None:
                connection.calls.go_on()
        elif inner is not None:
            try:
                inner.done(settlement)
            except Exception:
                log.exception("a bug after a turn", station=self.id)
        return True

    # -- the state ---

    def _stale(self) -> None:
        """What disk has is not known: the state is loaded before the next turn, open uses with it."""
        if self._claims is not None:
            self._unsure += self._claims
            self._claims = None
        if self.state is not None:
            self._unsure += [each.id for each in self.state.open_transactions()]
        self.state = None
        self._wanted = True

    def _load(self) -> bool:
        self._ticket += 1
        self.shared.waiting[self] = self.shared.clock.monotonic() + FACT_TIMEOUT_S
        self.shared.store.load(self.id, partial(self._on_loaded, self._ticket))
        return False

    def _on_loaded(self, ticket: int, loaded: Station | Failed | None) -> None:
        if ticket != self._ticket:
            return
        self.shared.waiting.pop(self, None)
        if isinstance(loaded, Failed):
            self.shared.fails(loaded.reason)
            self._not_loaded(loaded.reason)
            return
        self._wanted = False
        uses = self.shared.facts.uses
        for transaction_id in self._unsure:
            uses.discard(transaction_id)
        self._unsure.clear()
        if loaded is None:
            log.warning("a station is not registered", station=self.id)
            self._not_loaded("it is not registered")
            if self.connection is not None:
                self.connection.close(CLOSE_POLICY, "the station is not registered")
            return
        newer, self._newer_settings = self._newer_settings, None
        if newer is not None and newer.version > loaded.settings.version:
            loaded.adopt(newer)
        for transaction in loaded.open_transactions():
            uses.add(transaction)
        self.state = loaded
        self.get_along()
        self._drain()

    def _not_loaded(self, reason: str) -> None:
        """All that waits hears InternalError; the state is asked for again by the next frame or tick."""
        if self._message is not None or self._inner is not None:
            self._give_up(Failed(reason))
        self._fail_inbox(Failed(reason))
        self.shared.held.add(self)
        self.turning = False

    def _fail_inbox(self, failed: Failed) -> None:
        waiting, self._inbox = self._inbox, deque()
        self._inbox_frames = self._inbox_bytes = 0
        for entry in waiting:
            if isinstance(entry, Inner):
                self._inner = entry
            elif isinstance(entry[1], Call):
                self._connection, self._message = entry[0], entry[1]
            else:
                self._hear(entry[0], entry[1])
                continue
            self._give_up(failed)

    def _drop_frames(self) -> None:
        """Forget the CALLs that wait: their connection ends, and none of them was acknowledged."""
        self._inbox = deque(entry for entry in self._inbox if isinstance(entry, Inner))
        self._inbox_frames = self._inbox_bytes = 0

    # -- the link, as disk has it ---

    def _claim(self, turn: Turn) -> None:
        """The station is ours through this connection: an older epoch writes nothing from here on."""
        connection = self._claiming
        assert connection is not None
        status = turn.station.status
        epoch = status.epoch + 1
        turn.work.fence = self.epoch = epoch
        turn.work.save(
            replace(
                status,
                epoch=epoch,
                connected=True,
                connected_at=turn.now,
                address=connection.address,
                protocol=connection.dialect.version,
            )
        )
        proved = connection.proved
        if proved.new:
            connection.proof = proved.record(self.id, turn.now)
            turn.work.save(connection.proof)
        turn.work.tell(
            StationConnected(
                station_id=self.id,
                address=connection.address,
                protocol=connection.dialect.version,
                epoch=epoch,
                security_profile=proved.profile,
            )
        )

    def _on_claimed(self, settlement: Settlement) -> None:
        claimant = self._claiming
        if isinstance(settlement, Committed):
            if claimant is not None and claimant.proof is not None:
                self.shared.proved(claimant.proof)
            self.claimed = self.connection is claimant
            if self.connection is not None and self.connection.calls is not None:
                self.connection.calls.go_on()
        elif not isinstance(settlement, Fenced):
            self.shared.held.add(self)
            self._fail_inbox(Failed("the connection could not be recorded"))

    def _part(self, turn: Turn) -> None:
        status = turn.station.status
        turn.work.save(replace(status, connected=False, disconnected_at=turn.now))
        reason = self._lost_reason or RESTARTED
        turn.work.tell(StationDisconnected(station_id=self.id, reason=reason))

    def _on_parted(self, settlement: Settlement) -> None:
        if not isinstance(settlement, Committed | Fenced):
            self.shared.held.add(self)
