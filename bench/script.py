"""What the benchmarks' charge points say: a cycle of ready-made frames that all of them go through.

Where a station is in the cycle decides the frame, down to the last byte but one thing: the idTag of its
StartTransaction, and in what follows the transaction id that it was answered. So a line is formatted, masked
(with a mask of zero: RFC 6455 §5.3 asks for a mask, not for a good one) and stamped with the time once, when
the first station comes to it; to send it costs the others a look-up and a splice. Of one station no two CALLs
are the same: each id is new, each StatusNotification differs from the last, and the moment and the register
of each MeterValues are above those of the one before.
"""

import struct
from datetime import UTC, datetime
from typing import Final, NamedTuple

PLAN: Final = "SMHMNMMHMNMMHMNMMHNT"
"""One letter a CALL: Start, Meter values, Heartbeat, statusNotification, sTop. Start and Stop are 10 %, the
MeterValues 50 %, StatusNotification and Heartbeat 20 % each."""
CYCLE: Final = len(PLAN)
STEPS: Final = "SMHNT"

FIRST_ID: Final = 10_000_000
FIRST_METER_WH: Final = 2_000_000
"""Both large enough that they keep their number of digits; the introduction stays below."""
METER_STEP_WH: Final = 7

_SHORT = struct.Struct(">BBI").pack
_LONG = struct.Struct(">BBHI").pack
LONGEST_TEXT: Final = 2000
"""No CALL here is longer."""

BOOT: Final = (
    b'[2,"i1","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Raw",'
    b'"chargePointSerialNumber":"%s","firmwareVersion":"1.0"}]'
)
STATUS: Final = (
    b'[2,"%s","StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"%s","timestamp":"%s"}]'
)
HEARTBEAT: Final = b'[2,"%s","Heartbeat",{}]'
START: Final = b'[2,"%s","StartTransaction",{"connectorId":1,"idTag":"%s","meterStart":%d,"timestamp":"%s"}]'
STOP: Final = (
    b'[2,"%s","StopTransaction",{"transactionId":%s,"meterStop":%d,"timestamp":"%s","reason":"Local"}]'
)
METER: Final = (
    b'[2,"%s","MeterValues",{"connectorId":1,"transactionId":%s,"meterValue":[{"timestamp":"%s",'
    b'"sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"10980","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"15.9","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A"},'
    b'{"value":"15.8","context":"Sample.Periodic","measurand":"Current.Import","phase":"L2","unit":"A"},'
    b'{"value":"16.0","context":"Sample.Periodic","measurand":"Current.Import","phase":"L3","unit":"A"},'
    b'{"value":"230.4","context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","unit":"V"},'
    b'{"value":"31.5","context":"Sample.Periodic","measurand":"Temperature","location":"Body","unit":"Celsius"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}]}]}]'
)
_STATES: Final = (b"Preparing", b"Charging", b"SuspendedEV", b"Finishing")
_GAP: Final = b"\0gap\0"
"""Stands in a line where a station puts its own."""


class Line(NamedTuple):
    """A CALL of the cycle: the text is `head`, what is the station's own, `tail`."""

    step: str
    head: bytes
    tail: bytes
    size: int
    """Of head and tail."""
    answer: bytes
    """How its CALLRESULT begins."""


class Script:
    """The lines, as far as any station has come. `lines[n]` is the n-th CALL of a station."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self) -> Line:
        """Make the next line, now."""
        place = len(self.lines)
        line = _line(place, moment())
        self.lines.append(line)
        return line


def _line(place: int, now: bytes) -> Line:
    step = PLAN[place % CYCLE]
    id = b"%d" % (FIRST_ID + place)
    meter_wh = FIRST_METER_WH + METER_STEP_WH * place
    match step:
        case "M":
            text = METER % (id, _GAP, now, meter_wh, 10 + place % 90)
        case "H":
            text = HEARTBEAT % id
        case "N":
            told = place // CYCLE * PLAN.count("N") + PLAN[: place % CYCLE].count("N")
            text = STATUS % (id, 1, _STATES[told % len(_STATES)], now)
        case "S":
            text = START % (id, _GAP, meter_wh, now)
        case _:
            text = STOP % (id, _GAP, meter_wh, now)
    head, _, tail = text.partition(_GAP)
    return Line(step, head, tail, len(head) + len(tail), b'[3,"%s",' % id)


def frame(text: bytes) -> bytes:
    """A masked text frame."""
    return HEADS[len(text)] + text


def _head(size: int) -> bytes:
    return _SHORT(0x81, 0x80 | size, 0) if size < 126 else _LONG(0x81, 0xFE, size, 0)


HEADS: Final = [_head(size) for size in range(LONGEST_TEXT)]
"""The head of a frame, by the size of its text."""


def moment() -> bytes:
    """Now, to the microsecond."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
