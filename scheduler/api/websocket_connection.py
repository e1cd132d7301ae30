"""WebSockets. uvicorn ends one whose client does not answer pings; what else a client could do is prevented here."""

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_EVERY, PONG_WITHIN = 20.0, 20.0  # seconds
LARGEST_MESSAGE = 1024 * 1024  # bytes; from the client
_MOST_UNREAD = 32 * 1024 * 1024  # bytes; more than the largest message that is sent


class WebSocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's protocol. Requests that are not answered are ended, and clients that send pings but read no answers."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # the first data is the whole head, so it is not valid
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        elif self.transport.get_write_buffer_size() > _MOST_UNREAD:
            self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # refused; uvicorn would log it as an error of the application
