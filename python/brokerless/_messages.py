"""Messages in other forms than bytes: text, JSON, anything serialized; one after the other; and requests with replies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

from ._socket_options import SocketOptions
from .constants import PollEvent
from .utils import jsonapi

if TYPE_CHECKING:
    from .tracker import MessageTracker

#: pickle's own default, which is known without importing pickle.
_PICKLE_PROTOCOL = 5 if sys.version_info >= (3, 14) else 4


class Messages(SocketOptions):
    """The part of `Socket` that turns what programs have into messages and back. Limits and errors: see send(), recv()."""

    def send_string(
        self,
        u: str,
        flags: int = 0,
        copy: bool = True,
        encoding: str = "utf-8",
        *,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Optional[MessageTracker]:
        """Sends a str as one frame, encoded; the rest is as in send(), with `timeout` in seconds.

        Raises TypeError for anything else than a str.
        """
        if not isinstance(u, str):
            raise TypeError("str objects only")
        return self.send(u.encode(encoding), flags, copy, timeout=timeout, **kwargs)

    send_unicode = send_string

    def recv_string(self, flags: int = 0, encoding: str = "utf-8", *, timeout: Optional[float] = None) -> str:
        """Receives one frame as a str, decoded; the rest is as in recv(), with `timeout` in seconds.

        Raises UnicodeDecodeError for a frame in another encoding; the frame is gone then.
        """
        return self.recv(flags, timeout=timeout).decode(encoding)

    recv_unicode = recv_string

    def send_pyobj(
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = _PICKLE_PROTOCOL,
        *,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Optional[MessageTracker]:
        """Sends any object that pickle can write, as one frame; the rest is as in send(), with `timeout` in seconds.

        Whoever receives it with recv_pyobj() runs what it says: use send_json(), or send_serialized() with a format of your
        own, between peers that do not trust each other. Raises what pickle raises; nothing is sent then.
        """
        import pickle

        sent: Optional[MessageTracker] = self.send(pickle.dumps(obj, protocol), flags, timeout=timeout, **kwargs)
        return sent

    def recv_pyobj(self, flags: int = 0, *, timeout: Optional[float] = None) -> Any:
        """Receives one frame of pickle as the object that it stands for; the rest is as in recv(), `timeout` in seconds.

        DANGER: a pickle can run any code here. Call it only where everybody who can send to this socket is trusted: behind
        CURVE with known keys, say, or over an ipc endpoint that only you can open.
        """
        import pickle

        return pickle.loads(self.recv(flags, timeout=timeout))

    def send_serialized(
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> Optional[MessageTracker]:
        """Sends the frames that `serialize(msg)` returns as one message; the rest is as in send_multipart()."""
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    def recv_serialized(
        self,
        deserialize: Callable[[List[Any]], Any],
        flags: int = 0,
        copy: bool = True,
        *,
        timeout: Optional[float] = None,
    ) -> Any:
        """Receives a message, and returns `deserialize(frames)`; the rest is as in recv_multipart()."""
        return deserialize(self.recv_multipart(flags=flags, copy=copy, timeout=timeout))

    def __iter__(self) -> Iterator[Union[bytes, List[bytes]]]:
        """`for message in socket`: bytes, or a list of bytes for a message with several frames.

        Waits for each message, for RCVTIMEO milliseconds at most (by default for ever; then raises Again). Ends when the
        socket is closed, by this loop or another thread, or its context terminated.
        """
        while True:
            message = self._next()
            if message is None:
                return
            yield message

    def request(self, data: Any, *, timeout: Optional[float] = None, retries: int = 0) -> Union[bytes, List[bytes]]:
        """Sends a request and returns its reply; if none comes, sends the request again. For REQ sockets.

        `data` is what send() takes, or a list or tuple of it for a message with several frames; the reply is bytes, or a
        list of bytes. `timeout` is in seconds, for each try; None waits for ever. After the first try come `retries` more.

        The socket gets REQ_RELAXED and REQ_CORRELATE (RFC 28), so that a lost reply does not block it, and a late one is
        never taken for the reply to a later request. A server may see a request more than once: let it be safe to repeat.
        Raises Again when no try had a reply; the socket is still usable. Raises ZMQError(ENOTSUP) for other types.
        """
        parts = data if isinstance(data, (list, tuple)) else [data]
        reply = self._request(parts, timeout, retries)
        return reply[0] if len(reply) == 1 else reply

    def poll(self, timeout: Optional[float] = None, flags: int = PollEvent.POLLIN) -> int:
        """Waits for events, and returns those that are there: POLLIN (something to receive), POLLOUT (room to send), or 0.

        `timeout` is in milliseconds, as pyzmq has it here; None and negative wait for ever. `flags` are the events to wait
        for. A signal (Ctrl-C) ends the wait. Raises SocketClosed if the socket is closed or gets closed.
        """
        return PollEvent(super().poll(timeout, flags))


def _send_json(
    socket: Messages, obj: Any, flags: int, timeout: Optional[float], kwargs: Optional[Dict[str, Any]]
) -> None:
    """Does send_json() where the core does not: by Python's json, and the socket's own send()."""
    dumps = dict(kwargs or {})
    send = {key: dumps.pop(key) for key in ("routing_id", "group") if key in dumps}
    socket.send(jsonapi.dumps(obj, **dumps), flags, timeout=timeout, **send)


def _recv_json(socket: Messages, flags: int, timeout: Optional[float], kwargs: Dict[str, Any]) -> Any:
    """Does recv_json() where the core does not: by the socket's own recv(), and Python's json."""
    return jsonapi.loads(socket.recv(flags, timeout=timeout), **kwargs)
