"""The limit: a bare picows server that slices the id out of a CALL and answers `[3,id,{}]`.

It decodes nothing, decides nothing and stores nothing. What EVSYS costs is told in multiples of this.
"""

import gc
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeResponse, ws_create_server
from picows import WSUpgradeResponseWithListener as Upgrade


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        call = frame.get_payload_as_bytes()
        transport.send(WSMsgType.TEXT, b"[3,%b,{}]" % call[3 : call.index(b",", 3)])


async def main(port: int) -> None:
    def accept(_request: object) -> Upgrade:
        return Upgrade(WSUpgradeResponse.create_101_response([("Sec-WebSocket-Protocol", "ocpp1.6")]), Echo())

    server = await ws_create_server(
        accept, "127.0.0.1", port, use_aiofastnet=False, read_buffer_init_size=2048, backlog=4096
    )
    gc.freeze()
    gc.disable()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
