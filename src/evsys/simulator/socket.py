"""The WebSocket of a charge point: a thin client on picows."""

import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

CONNECT_WITHIN_S: Final = 30.0
"""A central system that admits a storm at a steady rate lets its stations wait."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024

_log = logging.LoggerAdapter(logging.getLogger("picows"))
"""An adapter, because picows makes a Logger of its own per connection from anything else."""


class Socket(WSListener):
    """A link to the central system. `received` is called for each message, `lost` once at the end."""

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._received = received
        self._lost = lost
        self._transport: WSTransport | None = None
        self._parts = b""

    def send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, frame)

    def close(self) -> None:
        """End the link as a lost network does: without a word."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts += frame.get_payload_as_bytes()
            if frame.fin:
                message, self._parts = self._parts, b""
                self._received(message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self._lost()


async def connect(url: str, name: str, received: Callable[[bytes], None], lost: Callable[[], None]) -> Socket:
    """Connect the charge point `name` below `url`. Raises OSError where that is refused or fails."""
    target = f"{url.rstrip('/')}/{quote(name, safe='')}"
    try:
        _, listener = await ws_connect(
            lambda: Socket(received, lost),
            target,
            websocket_handshake_timeout=CONNECT_WITHIN_S,
            logger_name=_log,
            max_frame_size=MAX_MESSAGE_BYTES,
            extra_headers=[("Sec-WebSocket-Protocol", "ocpp1.6")],
            read_buffer_init_size=2048,
            use_aiofastnet=False,
        )
    except (WSError, TimeoutError) as error:
        raise ConnectionError(f"{target}: {error}") from error
    assert isinstance(listener, Socket)
    return listener
