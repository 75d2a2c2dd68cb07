"""Valid frames of a station, mutated: nothing but the documented errors comes out of the dialect."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evsys.core.quirks import FORM
from evsys.ocpp.dialect import encode
from evsys.ocpp.errors import Refusal
from evsys.ocpp.lenient import NotText
from evsys.ocpp.rpc import Call, Conversation, Refused
from evsys.ocpp.v16 import V16
from kit.desk import Desk
from kit.mutation import FRAMES, mutated
from kit.schemas import faults


def test_every_action_that_is_answered_is_mutated():
    assert {frame[2] for frame in FRAMES} == V16.handlers.keys()


frames = st.builds(mutated, st.sampled_from(FRAMES), st.randoms(use_true_random=False))


@settings(max_examples=1500, deadline=None)
@given(frame=frames, cut=st.integers(0, 400), strict=st.booleans(), truncated=st.booleans())
@example(frame='[2,"m","Authorize",{"idTag":"\\ud800"}]', cut=0, strict=False, truncated=False)
def test_a_mutated_frame_is_answered_or_refused_and_never_a_bug(frame, cut, strict, truncated):
    data = frame.encode("utf-8", "surrogatepass")
    received = Conversation("ocpp1.6").receive(data[:cut] if truncated else data)
    if isinstance(received, Refused):
        return
    if not isinstance(received, Call):
        return
    desk = Desk(conformance="strict" if strict else "lenient")
    call = received
    try:
        reply = desk.turn(lambda turn: V16.answer(turn, call.action, call.payload, call.quirk))
    except (Refusal, NotText):
        assert desk.events == []
        return
    assert faults(call.action, "response", encode(reply)) == []
    if strict:
        assert FORM.keys().isdisjoint(desk.quirks)
        assert faults(call.action, "request", bytes(call.payload)) == []
    for record in [*desk.disk.transactions(), *desk.disk.meter_values(), *desk.disk.quarantine()]:
        encode(record)
    # What was answered can be repeated, before and after a restart, and adds nothing.
    rows = len(desk.disk.transactions()), len(desk.disk.meter_values()), len(desk.disk.quarantine())
    desk.restart()
    again = desk.turn(lambda turn: V16.answer(turn, call.action, call.payload, call.quirk))
    assert encode(again) == encode(reply)
    assert rows == (
        len(desk.disk.transactions()),
        len(desk.disk.meter_values()),
        len(desk.disk.quarantine()),
    )
