"""Admission: how many connections, and how fast.

After a power cut a whole region reconnects at once. Each handshake costs CPU, a load of state and a commit,
so they are let in at a steady rate, in the order in which the kernel has queued them; the others wait in its
backlog and nobody is refused for being late. Refused is only what would be one connection too many.
"""

from typing import Final

CONNECTS_PER_S: Final = 500
"""Handshakes let in per second: with 0.4 ms of CPU for each, the load and the claim of its state among them
(1.1 ms with TLS), the rest of the second is left to the stations that are connected already."""
BURST: Final = 100
"""Handshakes let in at once after a quiet time."""
MAX_PENDING: Final = 1000
"""Handshakes under way at once; beyond, the backlog waits. With their time limit it bounds what slow or
hostile clients hold."""
CROWDED_PAUSE_S: Final = 0.2
"""How long to wait before looking again whether handshakes under way have ended."""
SHORTEST_PAUSE_S: Final = 0.001
"""Between two looks at the rate: rounding must not make of it a timer of nothing, again and again."""
RESERVED_DESCRIPTORS: Final = 200
"""Descriptors left for the database, the bus, logs and the sockets that listen."""


class Admission:
    """A token bucket and two counters. Times are monotonic seconds."""

    def __init__(self, capacity: int, now: float, rate: float = CONNECTS_PER_S, burst: float = BURST) -> None:
        self.capacity = capacity
        self.live = 0
        """Connections there are, those in their handshake among them."""
        self.pending = 0
        """Those in their handshake."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def wait_s(self, now: float) -> float:
        """How long to wait before the next socket is accepted; 0: not at all."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self.pending >= MAX_PENDING:
            return CROWDED_PAUSE_S
        if self._tokens >= 1:
            return 0.0
        return max(SHORTEST_PAUSE_S, (1 - self._tokens) / self._rate)

    def lets_in(self) -> bool:
        """Whether there is room for a socket just accepted. If so a handshake begins: its end is told by
        `decided`, the connection's end by `ended`. A socket too many costs as much of the rate as any."""
        self._tokens -= 1
        if self.live >= self.capacity:
            return False
        self.live += 1
        self.pending += 1
        return True

    def decided(self) -> None:
        """A handshake is over, well or not."""
        self.pending -= 1

    def ended(self) -> None:
        """A connection is gone."""
        self.live -= 1


def capacity(descriptor_limit: int) -> int:
    """How many connections a process with this limit of descriptors can hold."""
    return max(1, descriptor_limit - RESERVED_DESCRIPTORS)
