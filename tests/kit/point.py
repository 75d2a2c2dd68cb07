"""A charge point in software on a stepped clock, and a central system of a few lines that answers it.

Time jumps from one thing that is due to the next. All that passes is held against the official schemas, and
transactions are numbered as OCPP wants it: a start that is repeated gets its number again.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from evsys.simulator.cabinet import PointSettings
from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.commands import answer
from evsys.simulator.transfer import Transfer
from kit.clock import NOON
from kit.schemas import faults

Payload = dict[str, object]
TRANSACTION_MESSAGES: Final = ("StartTransaction", "MeterValues", "StopTransaction")


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class Central:
    """One charge point and its central system. `members` are those of PointSettings."""

    def __init__(self, seed: int = 1, name: str = "SIM0001", **members: object) -> None:
        self.now = NOON
        settings = PointSettings(**{"connectors": 1, "offline_spells": False} | members)  # type: ignore[arg-type]
        self.point = ChargePoint(name, settings, seed, self.now, answer)
        self.said: list[tuple[str, Payload]] = []
        """All that it said and that arrived, in order."""
        self.heard: list[tuple[datetime, str, str]] = []
        """When, under which id, which action."""
        self.answers: dict[str, list[object]] = {}
        self.reachable = True
        """Whether a link can be made."""
        self.silent: set[str] = set()
        """Actions that are not answered."""
        self.refusing: set[str] = set()
        """Actions that are answered with CALLERROR."""
        self.results: dict[str, object] = {}
        """What is answered instead of the usual, by action."""
        self.pings = 0
        self.delivered: list[tuple[str, str, bytes]] = []
        """The files that it delivered: where to, under which name, what."""
        self.fetched: list[str] = []
        """The URLs that it fetched."""
        self.files: dict[str, bytes | None] = {}
        """What is at a URL, None where nothing can be fetched or delivered; elsewhere there is an empty file,
        and room for any."""
        self.carries = True
        """Whether files are carried; else they are on their way."""
        self._numbers: dict[str, int] = {}
        self._asked = 0

    # -- time and the link ---

    def pass_time(self, seconds: float, until: Callable[[], object] = lambda: False) -> None:
        """Let time pass, or as much of it as is needed."""
        end = self.now + timedelta(seconds=seconds)
        self.settle()
        while not until():
            due = self.point.next_at
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.point.wake(self.now)
            self.settle()

    def finish(self, hours: float = 8) -> None:
        """Let time pass until all its sessions are over and acknowledged."""
        self.pass_time(hours * 3600, until=lambda: self.point.done)
        assert self.point.done

    def settle(self) -> None:
        """Do what the charge point wants."""
        transfers = self.point.cabinet.transfers
        while (
            self.point.outbox or self.point.hang_up or self.point.wants_link or (transfers and self.carries)
        ):
            if self.point.outbox:
                self._take(self.point.outbox.pop(0))
            elif transfers and self.carries:
                self._carry(transfers.pop(0))
            elif self.point.hang_up:
                self.cut()
            else:
                self.point.wants_link = False
                if self.reachable:
                    self.point.connected(self.now)
                else:
                    self.point.disconnected(self.now)
        if self.point.wants_ping:
            self.point.wants_ping = False
            self.pings += 1

    def cut(self) -> None:
        """The link is gone, and what was on its way."""
        self.point.hang_up = False
        self.point.outbox.clear()
        if self.point.mail.up:
            self.point.disconnected(self.now)

    # -- what it is told ---

    def ask(self, action: str, payload: Payload | None = None) -> Payload:
        """The payload that answers a CALL of the central system."""
        answered = self.call(action, payload or {})
        assert answered[0] == 3, answered
        found = answered[2]
        assert isinstance(found, dict)
        return found

    def call(self, action: str, payload: object) -> list[object]:
        """The frame that answers a CALL of the central system."""
        self._asked += 1
        name = f"c{self._asked}"
        self.point.received(json.dumps([2, name, action, payload]).encode(), self.now)
        self.settle()
        answered = self.answers.pop(name)
        if answered[0] == 3:
            assert faults(action, "response", json.dumps(answered[2]).encode()) == []
        return answered

    # -- what it said ---

    def of(self, action: str) -> list[Payload]:
        return [payload for said, payload in self.said if said == action]

    def statuses(self, connector: int = 1) -> list[object]:
        """The statuses that a connector reported."""
        return [each["status"] for each in self.of("StatusNotification") if each["connectorId"] == connector]

    # -- helpers ---

    def _carry(self, transfer: Transfer) -> None:
        found = self.files.get(transfer.url, b"")
        if transfer.content is None:
            self.fetched.append(transfer.url)
        elif found is not None:
            self.delivered.append((transfer.url, transfer.name, transfer.content))
        self.point.carried(transfer, found, self.now)

    def _take(self, frame: bytes) -> None:
        elements = json.loads(frame)
        if elements[0] == 2:
            _, id, action, payload = elements
            assert faults(action, "request", json.dumps(payload).encode()) == []
            self.said.append((action, payload))
            self.heard.append((self.now, id, action))
            self.reply(id, action, payload)
        else:
            self.answers[elements[1]] = elements

    def reply(self, id: str, action: str, payload: Payload) -> None:
        """Answer a CALL of the charge point, or not."""
        if action in self.silent:
            return
        if action in self.refusing:
            frame: list[object] = [4, id, "InternalError", "", {}]
        else:
            frame = [3, id, self.results.get(action, self._usual(action, payload))]
        self.point.received(json.dumps(frame).encode(), self.now)

    def _usual(self, action: str, payload: Payload) -> Payload:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": iso(self.now), "interval": 300}
            case "Heartbeat":
                return {"currentTime": iso(self.now)}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                number = self._numbers.setdefault(json.dumps(payload), len(self._numbers) + 1)
                return {"idTagInfo": {"status": "Accepted"}, "transactionId": number}
            case _:
                return {}


def charging(**members: object) -> Central:
    """A charge point whose first car has been charging for a minute or more."""
    central = Central(**members)  # type: ignore[arg-type]
    central.pass_time(600, until=lambda: central.of("MeterValues"))
    assert central.point.connectors[0].session is not None
    return central
