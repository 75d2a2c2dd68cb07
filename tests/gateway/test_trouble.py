"""What strangers do is told, and does not fill the log."""

from structlog.testing import capture_logs

from evsys.gateway.trouble import LINES_PER_KIND, SAY_EVERY_S, Trouble


def test_the_same_trouble_of_the_same_one_is_told_once_in_a_while() -> None:
    trouble = Trouble()
    with capture_logs() as entries:
        for _ in range(100):
            trouble.say(1.0, "path", "192.0.2.1", "a wrong path")
        trouble.say(1.0, "path", "192.0.2.2", "a wrong path")
        trouble.say(1.0, "slow", "192.0.2.1", "too slow")
    assert [(entry["event"], entry["who"]) for entry in entries] == [
        ("a wrong path", "192.0.2.1"),
        ("a wrong path", "192.0.2.2"),
        ("too slow", "192.0.2.1"),
    ]


def test_made_up_names_do_not_fill_the_log() -> None:
    trouble = Trouble()
    with capture_logs() as entries:
        for number in range(5000):
            trouble.say(1.0, "unknown", f"made up {number}", "unknown")
        trouble.say(1.0, "slow", "192.0.2.1", "too slow")
        trouble.say(1.0 + SAY_EVERY_S, "unknown", "later", "unknown")
    assert len(entries) == LINES_PER_KIND + 2
    assert "more" in entries[LINES_PER_KIND - 1], "the last one says that more are not told"
