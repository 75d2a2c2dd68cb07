"""When a station is tried again: later each time."""

from typing import Final

FIRST_RETRY_S: Final = 30.0
LONGEST_RETRY_S: Final = 3600.0


class Patience:
    """When a station is tried again that did not take what it was sent."""

    def __init__(self) -> None:
        self.tries = 0
        self.at_s = 0.0

    def fail(self, now_s: float) -> None:
        self.at_s = now_s + min(FIRST_RETRY_S * 2**self.tries, LONGEST_RETRY_S)
        self.tries += 1
