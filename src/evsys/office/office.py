"""The office as a whole: what every door is handed."""

import asyncio
from collections.abc import Mapping

from evsys.core.alarms import DEFAULTS, Rule
from evsys.core.ports import Bus, Clock
from evsys.core.records import AlarmKind
from evsys.core.workarounds import Models
from evsys.notify.notifier import Notifier
from evsys.office.access import Reach
from evsys.office.alarms import Alarms
from evsys.office.authority import Signer
from evsys.office.campaigns import Campaigns
from evsys.office.certificates import Certificates
from evsys.office.charging_profiles import ChargingProfiles
from evsys.office.chats import Chats
from evsys.office.closing import Closing
from evsys.office.commands import Commands
from evsys.office.configuration import Configurations
from evsys.office.consumers import Consumers
from evsys.office.deliveries import Deliveries
from evsys.office.dispatch import Dispatch
from evsys.office.feed import Feed
from evsys.office.files import Files, FileSettings
from evsys.office.jobs import Jobs
from evsys.office.keys import Keys
from evsys.office.local_lists import LocalLists
from evsys.office.network import Locations, Stations, Users
from evsys.office.notices import Notices
from evsys.office.outlet import Pace
from evsys.office.profile_keeping import ProfileKeeping
from evsys.office.queue import CommandQueue
from evsys.office.repeats import Repeats
from evsys.office.reservations import Reservations
from evsys.office.security import Security
from evsys.office.sign_in import SignIn
from evsys.office.sole import Sole
from evsys.office.status import Status
from evsys.office.subscriptions import Subscriptions
from evsys.office.templates import Templates
from evsys.office.tokens import Tokens
from evsys.office.upgrades import Upgrades
from evsys.office.upkeep import Upkeep
from evsys.office.wirelog import Wire
from evsys.office.writing import Books, Committer
from evsys.store.views.reader import Reader


class Office:
    """What people may do, by subject. `reader` is also free for the reads of `store.views`."""

    def __init__(
        self,
        store: Committer,
        reader: Reader,
        bus: Bus,
        clock: Clock,
        server_key: bytes,
        files: FileSettings,
        wire: Wire | None = None,
        signer: Signer | None = None,
        organisation: str = "",
        models: Models | None = None,
        keep_local_lists: bool = False,
        offers_tls: bool = True,
        notifiers: Mapping[str, Notifier] | None = None,
        pace: Pace | None = None,
        alarm_rules: Mapping[AlarmKind, Rule] = DEFAULTS,
    ) -> None:
        """`server_key` is what digests of stations' passwords are made with; `files`: where those of jobs
        lie, and how stations reach them; `wire`: the wire log, where one is kept; `signer`: who signs
        stations' certificates, each of which must hold `organisation`; `models`: the model profiles that are
        known; `keep_local_lists`: whether the lists of stations are kept that do not say so themselves;
        `offers_tls`: whether stations can connect with TLS; `notifiers`: the channels that messages leave by,
        and `pace` how patiently; `alarm_rules`: what becomes an alarm where people want nothing else."""
        self._books = books = Books(store, bus, clock)
        self.clock = clock
        self.bus = bus
        self.reader = reader
        self.reach = Reach(reader)
        self.security = Security(books, reader, clock, server_key)
        self.commands = Commands(bus, reader, self.security)
        self.queue = CommandQueue(books, reader, clock, self.commands)
        self.tokens = Tokens(books, reader, clock)
        self.models = models or Models()
        self.stations = Stations(books, reader, clock, self.models)
        self.locations = Locations(books, reader, clock)
        self.users = Users(books, reader, clock)
        self.keys = Keys(books, reader, clock)
        self.sign_in = SignIn(books, reader, clock, server_key)
        self.repeats = Repeats(books, reader, clock)
        self.closing = Closing(reader, bus)
        self.feed = Feed(reader, bus)
        self.consumers = Consumers(books, reader, bus, clock)
        self.queue.follow(self.consumers)
        self.reservations = Reservations(books, reader, clock, self.commands, self.queue)
        self.reservations.follow(self.consumers)
        self.certificates = Certificates(books, reader, clock, self.commands, signer, organisation)
        self.certificates.follow(self.consumers)
        self.local_lists = LocalLists(books, reader, clock, self.commands, keep_local_lists)
        self.local_lists.follow(self.consumers)
        self.configurations = Configurations(books, reader, clock, self.commands)
        self.configurations.follow(self.consumers)
        self.templates = Templates(books, reader, clock)
        self.upkeep = Upkeep(books, reader, clock, self.commands, self.configurations, self.models)
        self.upkeep.follow(self.consumers)
        self.charging_profiles = ChargingProfiles(books, reader, clock)
        self.profile_keeping = ProfileKeeping(
            books, reader, clock, self.commands, self.charging_profiles, self.models
        )
        self.profile_keeping.follow(self.consumers)
        self.upgrades = Upgrades(
            books, reader, clock, self.commands, self.security, self.certificates, offers_tls
        )
        self.status = Status(books, reader, bus)
        self.alarms = Alarms(books, reader, clock, self.status, files.folder.parent, alarm_rules)
        self.alarms.follow(self.consumers)
        self.files = Files(books, reader, clock, files)
        self.jobs = Jobs(books, reader, clock, self.files)
        self.campaigns = Campaigns(books, reader, clock, self.jobs)
        self.dispatch = Dispatch(self.jobs, self.campaigns, self.commands, reader, clock, self.files)
        self.dispatch.follow(self.consumers)
        self.subscriptions = Subscriptions(books, reader, clock, server_key, notifiers or {})
        self.chats = Chats(books, reader, clock, self.subscriptions)
        self.deliveries = Deliveries(
            books, reader, clock, self.subscriptions, notifiers or {}, pace or Pace()
        )
        self.notices = Notices(books, reader, clock, self.deliveries)
        if notifiers:
            self.notices.follow(self.consumers)
        self.wire = wire

    def sole(self, name: str) -> Sole:
        """What one office alone does."""
        return Sole(self._books, self.reader, self.clock, name)

    async def work(self) -> None:
        """What the office does of itself, until cancelled. `files.start` comes before it."""
        async with asyncio.TaskGroup() as working:
            for each in (
                self.consumers,
                self.queue,
                self.repeats,
                self.sign_in,
                self.reservations,
                self.certificates,
                self.upgrades,
                self.local_lists,
                self.dispatch,
                self.upkeep,
                self.profile_keeping,
                self.deliveries,
                self.alarms,
            ):
                working.create_task(each.run())
