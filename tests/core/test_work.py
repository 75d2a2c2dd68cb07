"""A Work: what one turn wants to change."""

from evsys.core.events import ServerStarted
from evsys.core.records import Token
from evsys.core.work import Work
from kit.clock import NOON

TOKEN = Token(id="T", created_at=NOON)


def test_changes_are_kept_in_the_order_in_which_they_are_applied():
    work = Work(NOON, "CP1", fence=3)
    for change in (work.save, work.add, work.add_once, work.change, work.remove):
        change(TOKEN)
    assert [kind for kind, _ in work.ops] == ["save", "add", "add_once", "change", "remove"]
    assert (work.at, work.station_id, work.fence) == (NOON, "CP1", 3)


def test_a_work_with_nothing_in_it_commits_nothing():
    work = Work(NOON)
    assert not work
    work.tell(ServerStarted(version="1", stations=0))
    assert work
