"""A charging session as the station knows it: a line of the report."""

from datetime import datetime

from msgspec import Struct


class Session(Struct, kw_only=True):
    """One session. `meter_start_wh` and `meter_stop_wh` are what the station told, or will tell."""

    station: str
    connector: int
    token: str
    started_at: datetime
    meter_start_wh: int
    transaction_id: int | None = None
    """As the central system gave it; None until the start is confirmed."""
    authorization: str = ""
    """What the start was answered with; empty until then."""
    stopped_at: datetime | None = None
    meter_stop_wh: int | None = None
    reason: str = ""
    start_acknowledged: bool = False
    stop_acknowledged: bool = False
    meter_values_acknowledged: int = 0
    meter_values_dropped: int = 0
    """Had no room in the queue."""
    given_up: int = 0
    """Messages that were refused as often as they may be."""

    @property
    def energy_wh(self) -> int:
        """What went into the car; 0 while it charges."""
        return 0 if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh
