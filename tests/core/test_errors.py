"""Errors that say whose fault it is."""

from evsys.core.errors import BadAnswer, CallFailed


def test_a_refused_call_reads_as_what_the_station_answered():
    assert str(CallFailed("NotSupported", "")) == "the station answered NotSupported"
    failed = CallFailed("NotSupported", "no such key", '{"key":"A"}')
    assert str(failed) == "the station answered NotSupported: no such key"
    assert (failed.code, failed.description, failed.details) == ("NotSupported", "no such key", '{"key":"A"}')


def test_a_bad_answer_keeps_what_was_sent():
    bad = BadAnswer("status is missing", "{}")
    assert "status is missing" in str(bad)
    assert bad.payload == "{}"
