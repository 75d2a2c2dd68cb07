"""What all connectors of one charge point share: its settings, clockwork, memory and messages."""

from datetime import datetime
from typing import Final, Literal

from msgspec import UNSET, Struct

from evsys.ocpp.v16 import messages as m
from evsys.simulator.configuration import Configuration
from evsys.simulator.mail import Mail, Outgoing
from evsys.simulator.profiles import Profiles
from evsys.simulator.session import Session
from evsys.simulator.timers import Timers
from evsys.simulator.tokens import Tokens
from evsys.simulator.transfer import Transfer

STEP_S: Final = 20.0
"""Simulated seconds between two looks at what flows into a car."""

MAX_UNTOLD: Final = 100
"""Messages that wait for a link."""

Status = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
]


class PointSettings(Struct, frozen=True, kw_only=True):
    """What all charge points of a fleet have in common."""

    connectors: int = 2
    most_w: float = 22_080.0
    """What one connector gives at most."""
    speed: float = 1.0
    """How much faster simulated time passes."""
    sessions: int | None = None
    """Sessions per connector; None: for ever; 0: nobody comes by himself."""
    offline_spells: bool = True
    """Whether links break by themselves now and then."""
    tokens: tuple[str, ...] = ()
    """The drivers' tokens; empty: each connector has a few of its own."""
    transaction_data: bool = False
    """Whether stops carry the session's meter values (StopTxnSampledData)."""
    security_profile: int = 0
    password: str = ""
    """Their AuthorizationKey; empty: none."""
    tls: bool = False
    """Whether they know where to connect with TLS."""


class Cabinet:
    """The inside of one charge point."""

    __slots__ = (
        "charging",
        "configuration",
        "mail",
        "name",
        "profiles",
        "registration",
        "report",
        "restarting",
        "seed",
        "settings",
        "timers",
        "tokens",
        "transfers",
        "untold",
    )

    def __init__(self, name: str, settings: PointSettings, seed: int) -> None:
        self.name = name
        self.settings = settings
        self.seed = seed
        self.timers = Timers(settings.speed)
        self.configuration = configuration = Configuration(settings.connectors)
        configuration.change("SecurityProfile", str(settings.security_profile))
        if settings.transaction_data:
            configuration.change("StopTxnSampledData", "Energy.Active.Import.Register")
        self.profiles = Profiles()
        self.tokens = Tokens()
        self.mail = Mail(
            lambda: configuration.number("TransactionMessageAttempts"),
            lambda: configuration.number("TransactionMessageRetryInterval"),
        )
        self.report: list[Session] = []
        """All sessions, in the order of their starts."""
        self.registration = ""
        """What the last boot was answered with; empty before that."""
        self.restarting = False
        """Between the end of everything and the new start: nothing happens then."""
        self.charging = 0
        """Connectors with a session."""
        self.untold: list[tuple[str, Struct]] = []
        """Messages that wait for a link, the oldest first."""
        self.transfers: list[Transfer] = []
        """Files that are to be carried: the owner takes them, and tells each what came of it."""

    @property
    def online(self) -> bool:
        """Whether the central system can be asked."""
        return self.mail.up and self.registration == "Accepted"

    def say(self, action: str, payload: Struct, now: datetime) -> None:
        """Send something that nothing hangs on."""
        self.mail.say(Outgoing(action, lambda: payload), now)

    def tell(self, action: str, payload: Struct, now: datetime) -> None:
        """Send something that is not to be lost: without a link it waits for one, and what was lost with a
        link is sent again. The oldest give way."""
        self.untold = [*self.untold, (action, payload)][-MAX_UNTOLD:]
        self.tell_all(now)

    def tell_all(self, now: datetime) -> None:
        """Tell what waits, if there is somebody to tell."""
        while self.untold and self.online:
            self._tell(*self.untold.pop(0), now)

    def _tell(self, action: str, payload: Struct, now: datetime) -> None:
        def failed(now: datetime) -> None:
            if not self.mail.up:  # lost, and not refused
                self.untold = [*self.untold, (action, payload)][-MAX_UNTOLD:]

        self.mail.say(Outgoing(action, lambda: payload, failed=failed), now)

    def say_status(self, number: int, status: Status, now: datetime) -> None:
        """StatusNotification of a connector, or of the station (0)."""
        payload = m.StatusNotificationRequest(
            connectorId=number, errorCode="NoError", status=status, timestamp=now
        )
        self.say("StatusNotification", payload, now)

    def allows(self, token: str, now: datetime) -> bool | None:
        """What the station knows of a token by itself; None: nothing."""
        known = self._known(token)
        if known is None:
            return None
        expired = known.expiryDate is not UNSET and known.expiryDate <= now
        return known.status == "Accepted" and not expired

    def parent_of(self, token: str) -> str | None:
        """The group of a token, empty where it has none; None: nothing is known of it."""
        known = self._known(token)
        if known is None:
            return None
        return "" if known.parentIdTag is UNSET else known.parentIdTag

    def _known(self, token: str) -> m.IdTagInfo | None:
        return self.tokens.known(
            token,
            with_list=self.configuration.true("LocalAuthListEnabled"),
            with_cache=self.configuration.true("AuthorizationCacheEnabled"),
        )
