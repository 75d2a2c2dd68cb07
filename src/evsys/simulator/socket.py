"""The WebSocket of a charge point: a thin client on picows."""

import logging
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

SUBPROTOCOL: Final = "ocpp1.6"
CONNECT_WITHIN_S: Final = 30.0
"""A central system that admits a storm at a steady rate lets its stations wait."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
READ_BUFFER_BYTES: Final = 2048
"""At first; picows makes it larger where messages are."""

_log = logging.LoggerAdapter(logging.getLogger("picows"))
"""An adapter, because picows makes a Logger of its own per connection from anything else."""


class Ears(NamedTuple):
    """Who hears of a link: when it is there, of each message, and once when it is gone."""

    connected: Callable[["Socket"], None]
    received: Callable[[bytes], None]
    lost: Callable[[], None]


class Socket(WSListener):
    """A link to the central system. Pings are answered below it."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._transport: WSTransport | None = None
        self._parts: bytearray | None = None
        self.speaks = False
        """Whether the central system took our subprotocol."""

    def send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, frame)

    def ping(self) -> None:
        if self._transport is not None:
            self._transport.send_ping()

    def close(self) -> None:
        """End the link as a lost network does: without a word."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # -- what picows tells ---

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if transport.response.headers.get("Sec-WebSocket-Protocol") == SUBPROTOCOL:
            self.speaks = True
            self._ears.connected(self)
        else:
            self._fail(transport, WSCloseCode.PROTOCOL_ERROR)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif not self.speaks or frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        elif frame.msg_type == WSMsgType.BINARY or (frame.msg_type == WSMsgType.TEXT) == (
            self._parts is not None
        ):
            self._fail(transport, WSCloseCode.PROTOCOL_ERROR)
        elif frame.msg_type == WSMsgType.TEXT and frame.fin:
            self._ears.received(frame.get_payload_as_bytes())
        else:
            self._gather(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if self.speaks:
            self._ears.lost()

    # -- helpers ---

    def _gather(self, transport: WSTransport, frame: WSFrame) -> None:
        """A part of a message that comes in several frames."""
        self._parts = (self._parts or bytearray()) + frame.get_payload_as_bytes()
        if len(self._parts) > MAX_MESSAGE_BYTES:
            self._fail(transport, WSCloseCode.MESSAGE_TOO_BIG)
        elif frame.fin:
            message, self._parts = bytes(self._parts), None
            self._ears.received(message)

    @staticmethod
    def _fail(transport: WSTransport, code: WSCloseCode) -> None:
        transport.send_close(code)
        transport.disconnect(graceful=False)


async def connect(
    url: str,
    name: str,
    ears: Ears,
    authorization: str = "",
    tls: ssl.SSLContext | None = None,
    pongs: bool = True,
) -> None:
    """Connect the charge point `name` below `url`, with an Authorization header where that is not empty, and
    TLS as `tls` says; `pongs`: whether pings are answered. Raises OSError where that is refused or fails."""
    target = f"{url.rstrip('/')}/{quote(name, safe='')}"
    headers = [("Sec-WebSocket-Protocol", SUBPROTOCOL)]
    if authorization:
        headers.append(("Authorization", authorization))
    try:
        _, socket = await ws_connect(
            lambda: Socket(ears),
            target,
            websocket_handshake_timeout=CONNECT_WITHIN_S,
            logger_name=_log,
            max_frame_size=MAX_MESSAGE_BYTES,
            extra_headers=headers,
            ssl_context=tls,
            read_buffer_init_size=READ_BUFFER_BYTES,
            use_aiofastnet=False,
            enable_auto_pong=pongs,
        )
    except (WSError, TimeoutError) as error:
        raise ConnectionError(f"{target}: {error}") from error
    if not isinstance(socket, Socket):  # None, where picows saw the connection end
        raise ConnectionError(f"{target}: the server ended the connection in the handshake")
    if not socket.speaks:
        raise ConnectionError(f"{target}: the server does not speak {SUBPROTOCOL}")
