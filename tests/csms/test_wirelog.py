"""The wire log in the gateway's memory: what is noted, masked, published and kept."""

import json

import msgspec
import pytest

from evsys.core.ports import WireFrame, WirePiece
from evsys.csms.wirelog import KEPT_FRAMES, PIECE_AFTER_S, PIECE_BYTES, WireLog, masked
from kit.clock import SteppedClock


class Published:
    """What was published, decoded."""

    def __init__(self) -> None:
        self.pieces: list[WirePiece] = []

    def __call__(self, payload: bytes) -> None:
        self.pieces.append(msgspec.msgpack.decode(payload, type=WirePiece))

    def frames(self, station_id: str) -> list[bytes]:
        return [each[2] for piece in self.pieces if piece.station_id == station_id for each in piece.frames]


def in_memory(wire: WireLog) -> list[WireFrame]:
    return msgspec.msgpack.decode(wire.in_memory("CP1"), type=WirePiece).frames


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def test_every_frame_is_published_once_and_in_order(clock: SteppedClock) -> None:
    published = Published()
    wire = WireLog(clock, published)
    frames = [b'[2,"%d","Heartbeat",{}]' % n for n in range(3000)]
    for n, frame in enumerate(frames):
        wire.tape("CP1").note("in" if n % 2 else "out", frame)
        clock.step(0.001)
    wire.flush()
    assert published.frames("CP1") == frames
    assert len(published.pieces) < 20, "a piece holds many frames"


def test_a_quiet_station_s_frames_are_published_after_a_while(clock: SteppedClock) -> None:
    published = Published()
    wire = WireLog(clock, published)
    wire.tape("CP1").note("in", b"[]")
    wire.tick()
    assert published.pieces == []
    clock.step(PIECE_AFTER_S)
    wire.tick()
    assert published.frames("CP1") == [b"[]"]
    wire.tick()
    assert len(published.pieces) == 1


def test_the_last_frames_stay_in_memory_and_no_two_have_the_same_time(clock: SteppedClock) -> None:
    wire = WireLog(clock, Published())
    for n in range(100):
        wire.tape("CP1").note("in", b"%d" % n)
    assert len(in_memory(wire)) == 100
    wire.flush()
    kept = in_memory(wire)
    assert [each[2] for each in kept] == [b"%d" % n for n in range(100 - KEPT_FRAMES, 100)]
    assert len({each[0] for each in kept}) == KEPT_FRAMES
    wire.tape("CP1").note("out", b"next")
    assert in_memory(wire)[-1][2] == b"next"


def test_memory_is_bounded_however_much_a_station_sends(clock: SteppedClock) -> None:
    wire = WireLog(clock, Published())
    for _ in range(50):
        wire.tape("CP1").note("in", b"x" * 1_000_000)
    assert sum(len(each[2]) for each in in_memory(wire)) < PIECE_BYTES + (KEPT_FRAMES + 1) * 32 * 1024


def test_a_station_that_leaves_memory_loses_no_frame(clock: SteppedClock) -> None:
    published = Published()
    wire = WireLog(clock, published)
    wire.tape("CP1").note("in", b"last words")
    wire.forget("CP1")
    wire.forget("CP2")
    assert published.frames("CP1") == [b"last words"]
    assert in_memory(wire) == []


def test_what_leaves_holds_no_secret_and_is_whole(clock: SteppedClock) -> None:
    published = Published()
    wire = WireLog(clock, published)
    secret = b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"0011aabb"}]'
    for frame in (b"before", secret, b"after"):
        wire.tape("CP1").note("out", frame)
    assert [each[2] for each in in_memory(wire)] == [b"before", masked(secret), b"after"]
    wire.flush()
    assert published.frames("CP1") == [b"before", masked(secret), b"after"]


@pytest.mark.parametrize(
    ("frame", "secret"),
    [
        ('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cr\\"et"}]', 's3cr\\"et'),
        ('[2,"1","ChangeConfiguration",{"value":"0011aabb","key":"authorizationKey"}]', "0011aabb"),
        ('[3,"1",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"0011"}]}]', "0011"),
        ('[2,"1","ChangeConfiguration",{"key":"AUTHORIZATIONKEY","value":"5ecret"}]', "5ecret"),
        ('[2,"1","ChangeConfiguration",{"key":"BasicAuthPassword","value":"5ecret"}]', "5ecret"),
        ('[2,"1","GetDiagnostics",{"location":"ftp://user:pa:ss@host/dir"}]', "pa:ss"),
        ('[2,"1","GetDiagnostics",{"location":"ftp://user:pa/ss@host/dir"}]', "pa/ss"),
        (
            '[2,"1","GetDiagnostics",{"location":"http://c:5004/exchange/0123456789abcdef0123456789abcdef/"}]',
            "0123456789abcdef0123456789abcdef",
        ),
        ('[2,"1","UpdateFirmware",{"location":"https://u:hunter2@[::1]:8080/f.bin"}]', "hunter2"),
        (r'[2,"1","GetDiagnostics",{"location":"ftp:\/\/user:hunter2@host\/dir"}]', "hunter2"),
        (
            r'[2,"1","DataTransfer",{"data":"http:\/\/c\/exchange\/0123456789abcdef0123456789abcdef\/"}]',
            "0123456789abcdef0123456789abcdef",
        ),
    ],
)
def test_secrets_are_masked_and_the_rest_stays(clock: SteppedClock, frame: str, secret: str) -> None:
    assert secret in frame
    published = Published()
    wire = WireLog(clock, published)
    wire.tape("CP1").note("in", frame.encode())
    wire.flush()
    assert published.frames("CP1") == [masked(frame.encode())]
    shown = masked(frame.encode()).decode()
    assert secret not in shown
    assert json.loads(shown)[:2] == json.loads(frame)[:2]


def test_what_holds_no_secret_is_not_touched() -> None:
    frame = b'[2,"1","DataTransfer",{"vendorId":"x","data":"see https://example.com/@me and a@b"}]'
    assert masked(frame) == frame
    configuration = (
        b'[3,"1",{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"300"}]}]'
    )
    assert masked(configuration) == configuration
