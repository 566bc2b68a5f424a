"""What editors and type checkers know of the Rust core. stubtest compares it with the built module, a test its docstrings."""

import builtins
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NoReturn, final, overload

import numpy.typing as npt
from typing_extensions import Buffer, Self, disjoint_base

from . import error
from .tracker import MessageTracker

__all__ = [
    "array_frames",
    "array_from_frames",
    "Context",
    "Device",
    "DeviceStats",
    "Frame",
    "Guard",
    "Haul",
    "record_layout",
    "Released",
    "loans",
    "json_dumps",
    "json_loads",
    "constants_table",
    "Peer",
    "Sampler",
    "close_delivered",
    "send_end",
    "send_jobs",
    "Dispatcher",
    "Gatherer",
    "Service",
    "Stream",
    "WorkLoop",
    "poll",
    "poll_ready",
    "ZapHandler",
    "ZapPolicy",
    "ZapRequest",
    "z85_decode",
    "z85_encode",
    "zap_password",
    "zap_reply",
    "curve_keypair",
    "curve_public",
    "fitting_types",
    "flush_at_exit",
    "has",
    "proxy",
    "strerror",
    "get_spin",
    "set_spin",
    "zmq_errno",
    "zmq_version_info",
    "AsyncSocket",
    "Socket",
    "SocketStats",
    "Trace",
    "Waiter",
    "IPC_PATH_MAX_LEN",
    "__version__",
]

__version__: str
IPC_PATH_MAX_LEN: int

@disjoint_base
class Context:
    """The core's part of a context: options, and the end. Use `brokerless.Context`, which makes sockets too."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _open(self, io_threads: int) -> None: ...
    def _share(self, other: Context) -> None: ...
    def _share_address(self, address: int) -> None: ...
    @property
    def closed(self) -> bool:
        """Whether the context has ended: True once term() or destroy() has returned. Never raises."""
    @property
    def underlying(self) -> int:
        """The address of libzmq's context, as an int, for other bindings in this process to share it (`shadow` in pyzmq).

        Such a binding must be built on the same libzmq. Raises ContextTerminated after term().
        """
    def set(self, option: int, optval: int) -> None:
        """Sets an option of the context (zmq_ctx_set): a ContextOption and an int.

        Nearly all of them must be set before the first socket is made. Raises ZMQError(EINVAL) for what is not an option, or not
        a value of it.
        """
    def get(self, option: int) -> int:
        """The value of an option of the context (zmq_ctx_get), an int.

        Raises ZMQError(EINVAL) for what is not an option or cannot be read.
        """
    def shutdown(self) -> None:
        """Makes every call on the context's sockets raise ContextTerminated from now on, also those that wait in another thread
        (zmq_ctx_shutdown).

        Returns at once. The sockets still have to be closed, and term() still has to be called.
        """
    def term(self, *, timeout: float | None = None) -> None:
        """Ends the context (zmq_ctx_term): waits until its sockets are closed and have delivered or lingered out.

        `timeout` is in seconds; None waits for ever. Raises Again at its end; the context then goes on ending, and the next
        term() waits for it. A signal (Ctrl-C) ends the wait alike.
        """
    def _abandon(self, patience: float) -> list[str]: ...

@disjoint_base
class Frame:
    """One frame of a message, in libzmq's own memory or, with copy=False, in yours.

    recv(copy=False) returns frames, and send() takes them, any number of times: neither copies a large payload.
    `memoryview(frame)` reads and writes it in place, and keeps it alive; `bytes(frame)` copies it, `len(frame)` is its size in
    bytes. `frame["User-Id"]` is get().

    Frame(data) makes one from anything bytes-like. `copy` says whether its bytes are copied; None means those of fewer than
    `copy_threshold` bytes (`zmq.COPY_THRESHOLD` by default). What is not copied must not be changed until libzmq is done with it: with
    track=True, `tracker` tells when that is. Raises TypeError for str and for what is not bytes-like, BufferError for what is
    not contiguous.
    """

    def __new__(
        cls,
        data: Buffer | None = None,
        track: bool = False,
        copy: bool | None = None,
        copy_threshold: int | None = None,
    ) -> Self: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __bytes__(self) -> builtins.bytes: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...
    def __copy__(self) -> Frame:
        """Another frame of the same content, which is shared rather than copied where it is large."""
    def fast_copy(self) -> Frame:
        """Another frame of the same content, as copy.copy() makes it."""
    @property
    def bytes(self) -> builtins.bytes:
        """The frame's bytes, copied into a bytes object at the first look, and the same one from then on."""
    @property
    def buffer(self) -> memoryview:
        """A memoryview of the frame's bytes, in place: one byte each, writable unless they belong to a bytes object."""
    @property
    def tracker(self) -> MessageTracker | None:
        """Tells when libzmq is done with the frame's memory: a MessageTracker, or None for a frame made without track=True."""
    @property
    def more(self) -> bool:
        """Whether more frames of the same message follow (zmq_msg_more). Always False for a frame that was not received."""
    @property
    def routing_id(self) -> int:
        """The peer that the frame came from, or goes to: a number, for SERVER and PEER sockets (RFC 41).

        Raises ZMQError(EINVAL) for a frame that has none, and when 0 is set.
        """
    @routing_id.setter
    def routing_id(self, routing_id: int) -> None: ...
    @property
    def group(self) -> str:
        """The group that the frame was sent to, or is to be sent to, for RADIO and DISH sockets (RFC 48); "" is none.

        At most 14 bytes in UTF-8: more raise ZMQError(EINVAL).
        """
    @group.setter
    def group(self, group: str | builtins.bytes) -> None: ...
    @overload
    def get(self, option: int | Literal["routing_id"]) -> int:
        """A property of the frame: an int for a MessageOption (`zmq.MORE`, `zmq.SHARED`; zmq_msg_get), a str for the name of a
        property of the connection that it came by ("Peer-Address", "Socket-Type", "User-Id"...; zmq_msg_gets). "routing_id"
        and "group" are the attributes of these names.

        Raises ZMQError(EINVAL) for an option or property that the frame does not have.
        """
    @overload
    def get(self, option: builtins.bytes | Literal["group"]) -> str: ...
    @overload
    def get(self, option: str) -> int | str: ...
    @overload
    def __getitem__(self, key: int | Literal["routing_id"], /) -> int: ...
    @overload
    def __getitem__(self, key: builtins.bytes | Literal["group"], /) -> str: ...
    @overload
    def __getitem__(self, key: str, /) -> int | str: ...
    @overload
    def set(self, option: Literal["routing_id"], value: int) -> None:
        """Sets "routing_id" or "group", as the attributes of these names do.

        Raises ZMQError(EINVAL) for the number of an option: libzmq has none that can be set.
        """
    @overload
    def set(self, option: Literal["group"], value: str | builtins.bytes) -> None: ...
    @overload
    def set(self, option: int, value: int) -> None: ...

@final
class Released:
    """Set when libzmq is done with a message that was sent without a copy; the part of `threading.Event` that says so."""

    def is_set(self) -> bool:
        """Whether libzmq is done with it."""
    def wait(self, timeout: float | None = None) -> bool:
        """Waits until libzmq is done with it, `timeout` seconds at most (None: for ever); whether it is."""

def loans() -> list[int]:
    """A number for each piece of Python's memory that libzmq still has."""

def array_frames(
    array: npt.NDArray[Any], threshold: int | None = None, track: bool = False
) -> tuple[tuple[bytes, Any], MessageTracker | None]:
    """The frames that send_array() sends, for send_multipart(), and their tracker if `track` asks for one.

    `threshold`: from so many bytes on memory is lent, not copied; None copies everything. Errors are those of send_array().
    """

def array_from_frames(frames: Sequence[Frame], copy: bool = False) -> npt.NDArray[Any]:
    """The array that the frames of a message are: what recv_array() makes of them, with its errors."""

@final
class Peer:
    """A peer that is connected to a socket, as `Socket.peers` lists them."""

    @property
    def local(self) -> str:
        """This side's endpoint, such as "tcp://127.0.0.1:5555"; empty for an inproc connection that this side made."""
    @property
    def remote(self) -> str:
        """The other side's endpoint; empty for an inproc connection that the other side made."""
    @property
    def connections(self) -> int:
        """How many connections have these two endpoints: more than one only over ipc and inproc, which do not tell them apart."""
    @property
    def since(self) -> float:
        """Since when it is connected: seconds since the epoch, as time.time() counts."""
    def __eq__(self, value: object, /) -> bool: ...

@final
class SocketStats:
    """What a socket has counted: whole messages (a multipart message is one) and the bytes of all their frames."""

    @property
    def messages_sent(self) -> int:
        """Messages handed to libzmq for sending."""
    @property
    def messages_received(self) -> int:
        """Messages received."""
    @property
    def bytes_sent(self) -> int:
        """Bytes of payload sent."""
    @property
    def bytes_received(self) -> int:
        """Bytes of payload received."""
    def __eq__(self, value: object, /) -> bool: ...

@disjoint_base
class Socket:
    """The core's part of a socket. Use `brokerless.Socket`, which `Context.socket()` makes."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    @property
    def closed(self) -> bool:
        """Whether the socket is closed, or cannot be used because it belongs to the parent of this forked process. Never raises."""
    @property
    def underlying(self) -> int:
        """The address of libzmq's socket, as an int, for other bindings. What they do with it is not guarded by our locks."""
    def bind(self, addr: str | bytes) -> Any:
        """Binds to an endpoint (zmq_bind); see the package's Socket."""
    def connect(self, addr: str | bytes) -> Any:
        """Connects to an endpoint (zmq_connect); see the package's Socket."""
    def connect_peer(self, addr: str | bytes) -> int:
        """Connects a PEER socket, and returns the routing id by which it sends to the one it connects to (zmq_connect_peer).

        Raises ZMQError(ENOTSUP) for other types, else as connect().
        """
    def join(self, group: str | bytes) -> None:
        """Lets a DISH socket receive what RADIO sockets send to a group (zmq_join; RFC 48): a str or bytes, 14 bytes at most.

        Raises ZMQError(EINVAL) for a group that is too long or joined already, ENOTSUP for other types.
        """
    def leave(self, group: str | bytes) -> None:
        """Ends that (zmq_leave). Raises ZMQError(EINVAL) for a group that was not joined."""
    @property
    def copy_threshold(self) -> int:
        """With copy=False, what has fewer bytes than this is copied after all: sharing it would cost more. 65536 by default."""
    @copy_threshold.setter
    def copy_threshold(self, value: int) -> None: ...
    def unbind(self, addr: str | bytes) -> None:
        """Ends a bind (zmq_unbind): `addr` as it was given, or as `last_endpoint` has it.

        Returns when the port is free for the next bind. Nothing is sent any more to the peers that had connected to it. Raises
        ZMQError(ENOENT) for an endpoint that the socket is not bound to.
        """
    def disconnect(self, addr: str | bytes) -> None:
        """Ends a connect (zmq_disconnect): `addr` as it was given.

        Messages that wait for this peer alone are lost. Raises ZMQError(ENOENT) for an endpoint that the socket is not
        connected to.
        """
    def close(self, linger: int | None = None) -> None:
        """Closes the socket (zmq_close); see the package's Socket."""
    def set(self, option: int, optval: int | bytes) -> None:
        """Sets an option (zmq_setsockopt): a SocketOption, and an int or bytes as its type demands.

        Most options count for the endpoints that are bound or connected afterwards. Raises TypeError for a value of the wrong
        type, OverflowError for an int that is too large, ZMQError(EINVAL) for what libzmq does not take.
        """
    def get(self, option: int) -> Any:
        """The value of an option (zmq_getsockopt): an int or bytes, as its type has it.

        Raises ZMQError(EINVAL) for what is not an option or can only be written.
        """
    @overload
    def send(  # type: ignore[overload-overlap]
        self,
        data: Frame,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        *,
        timeout: float | None = None,
    ) -> MessageTracker:
        """Sends one frame: a message, or with flags=SNDMORE a part of one, which the next send continues (zmq_msg_send).

        `data` is bytes, a Frame, or anything contiguous and bytes-like (bytearray, memoryview, array, numpy), but no str: see
        send_string(). It is copied, unless it is a Frame or copy=False; even then, where it has fewer bytes than
        `copy_threshold`. What is not copied must not be changed until libzmq is done with it. (Large `bytes` never are copied:
        they cannot change.)

        Returns None for what was copied, else the frame's MessageTracker: with track=True it tells when libzmq is done, and
        without it is None (or done, for what was too small). track=True with a Frame that is not tracked raises ValueError.
        `routing_id` is the peer to send to (SERVER, PEER), `group` the group (RADIO); a Frame keeps them. Other types refuse
        them (ENOTSUP).

        Waits for room: with flags=DONTWAIT not at all, else for `timeout` seconds or, without one, for SNDTIMEO milliseconds
        (by default for ever). Raises Again when there was none in time, ZMQError(EFSM) for a REQ or REP that is not to send
        now, ZMQError(EHOSTUNREACH) for a ROUTER with ROUTER_MANDATORY that has no such peer, SocketClosed, ContextTerminated;
        the frame was not sent then. When it returns, libzmq has the frame, and delivers it in the background.
        """
    @overload
    def send(
        self,
        data: Buffer,
        flags: int = 0,
        copy: Literal[True] = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        *,
        timeout: float | None = None,
    ) -> None: ...
    @overload
    def send(
        self,
        data: Buffer,
        flags: int = 0,
        *,
        copy: Literal[False],
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        timeout: float | None = None,
    ) -> MessageTracker: ...
    @overload
    def send(
        self,
        data: Buffer,
        flags: int,
        copy: Literal[False],
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        *,
        timeout: float | None = None,
    ) -> MessageTracker: ...
    @overload
    def send(
        self,
        data: Buffer,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        *,
        timeout: float | None = None,
    ) -> MessageTracker | None: ...
    def send_multipart(
        self,
        msg_parts: Iterable[Buffer],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        routing_id: int | None = None,
        group: str | None = None,
        timeout: float | None = None,
    ) -> MessageTracker | None:
        """Sends all frames as one message, or none of them.

        `msg_parts` is an iterable of what send() takes, of one frame at least; the rest is as in send(). Other threads' messages
        never get between the frames. With flags=SNDMORE the next send continues this message. Nothing is sent if one of the
        parts cannot be. The MessageTracker that is returned, if any, is done when libzmq is done with all of them.
        """
    def send_array(
        self,
        array: npt.NDArray[Any],
        flags: int = 0,
        copy: bool = False,
        track: bool = False,
        *,
        timeout: float | None = None,
    ) -> MessageTracker | None:
        """Sends a numpy array as one message: a frame of JSON with its dtype and shape, then a frame with its bytes.

        It is what pyzmq's recipe for arrays sends, and recv_array() receives. Every dtype of plain bytes can go: numbers, bool,
        complex, dates, text and bytes of a fixed length, in any byte order, and structures of them, whose dtype goes as a list
        of fields, as in `dtype.descr` (only recv_array() knows these). An array with gaps or in another order (a slice, a
        transposed one) is copied once to put it in order.

        The array itself is not copied: DO NOT CHANGE IT until libzmq is done with it, in the background. With track=True a
        MessageTracker is returned that tells when that is, else None. copy=True copies it, and it may be changed at once; so does
        an array of fewer bytes than `copy_threshold`. Over inproc, the receiver's array is this very memory.

        Raises TypeError for what is no numpy.ndarray (numpy.asarray() makes one), for masked arrays, and for dtypes with
        objects in them; ImportError without numpy. The rest is as in send_multipart(), with `timeout` in seconds.
        """
    def recv_array(self, flags: int = 0, copy: bool = False, *, timeout: float | None = None) -> npt.NDArray[Any]:
        """Receives a numpy array that send_array(), or pyzmq's recipe for arrays, has sent.

        The array is writable, and its memory is the message's: nothing is copied, unless copy=True asks for a private copy or the
        bytes lie where numpy's items must not (a small message's may).

        Raises ValueError for a message that is not an array: not two frames, a dtype that is not plain bytes, a shape that does
        not account for the bytes of the second frame. Such a message is gone, with all its frames, and the socket can be used
        on. No code and no pickle of the sender's is ever run. Raises ImportError without numpy, before it receives. The rest
        is as in recv_multipart(), with `timeout` in seconds.
        """
    @overload
    def recv(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: float | None = None
    ) -> bytes:
        """Receives one frame: bytes, or with copy=False a Frame, which does not copy a large payload (zmq_msg_recv).

        Of a message with several frames, the next recv() returns the next one while `rcvmore` is 1; recv_multipart() receives
        them all. With track=True a Frame has a `tracker`, which is done: what is received is libzmq's own memory.

        Waits for a message: with flags=DONTWAIT not at all, else for `timeout` seconds or, without one, for RCVTIMEO
        milliseconds (by default for ever). Raises Again when none came in time, ZMQError(EFSM) for a REQ or REP that is not to
        receive now, SocketClosed if it is or gets closed, ContextTerminated. A signal (Ctrl-C) ends the wait, too, and the
        socket is still usable.
        """
    @overload
    def recv(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: float | None = None
    ) -> Frame: ...
    @overload
    def recv(self, flags: int, copy: Literal[False], track: bool = False, *, timeout: float | None = None) -> Frame: ...
    @overload
    def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: float | None = None
    ) -> bytes | Frame: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: float | None = None
    ) -> list[bytes]:
        """Receives all frames of a message: a list of bytes, or of Frame with copy=False.

        No other thread gets a frame of it. Limits and errors are those of recv().
        """
    @overload
    def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: float | None = None
    ) -> list[Frame]: ...
    @overload
    def recv_multipart(
        self, flags: int, copy: Literal[False], track: bool = False, *, timeout: float | None = None
    ) -> list[Frame]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: float | None = None
    ) -> list[bytes] | list[Frame]: ...
    def send_json(self, obj: object, flags: int = 0, *, timeout: float | None = None, **kwargs: Any) -> None:
        """Sends an object as one frame of JSON in UTF-8; the rest is as in send(), with `timeout` in seconds.

        The bytes are those of Python's json.dumps(), whose other keyword arguments are taken too. Raises TypeError or
        ValueError, as json does, for what JSON cannot express; nothing is sent then.
        """
    def recv_json(self, flags: int = 0, *, timeout: float | None = None, **kwargs: Any) -> Any:
        """Receives one frame of JSON as the object that it stands for; the rest is as in recv(), `timeout` in seconds.

        The object is that of Python's json.loads(), whose other keyword arguments are taken too. Raises ValueError for a
        frame that is not JSON; the frame is gone then.
        """
    def recv_into(self, buffer: Buffer, /, *, nbytes: int = 0, flags: int = 0, timeout: float | None = None) -> int:
        """Receives one frame into memory that is there already, and returns the frame's size in bytes.

        `buffer` is anything contiguous and writable: a bytearray, an array, a numpy array of any dtype and shape. At most
        `nbytes` bytes are written, or as many as it has room for (0, the default). A larger frame is cut off, and its rest
        is gone: then the size that is returned is more than what was written. An empty buffer discards the frame.

        The rest is as in recv(), with `timeout` in seconds. Raises BufferError for a buffer that is read-only or not
        contiguous, TypeError for what has none, ValueError for an `nbytes` below 0 or above the buffer's size; nothing is
        received then.
        """
    def send_many(
        self,
        messages: Iterable[Buffer | Sequence[Buffer]],
        flags: int = 0,
        *,
        timeout: float | None = None,
    ) -> int:
        """Sends many messages, and returns how many: all of them. Much faster than a loop of send().

        `messages` is an iterable. Each message is bytes, or anything contiguous and bytes-like (one frame), or a list or tuple
        of those (all its frames). They are copied, but large `bytes` as in send(). A generator is asked for a message when the
        one before has gone, so that an endless one does not fill the memory.

        Waits for room: with flags=DONTWAIT not at all, else for `timeout` seconds in all or, without one, for SNDTIMEO
        milliseconds in all (by default for ever). Raises Again when there was none in time, TypeError with the number of what
        is no message (those before it were sent), and what send() raises. A signal (Ctrl-C) ends it, too.

        Every exception has `sent`, how many messages went, and `unsent`, the list of those that were taken from `messages` and
        did not, in order: of a list, messages[sent:]. Nothing is lost: send_many(error.unsent) goes on, and a generator has
        the rest. Other threads' messages may get in between.
        """
    def send_json_many(self, objs: Iterable[Any], flags: int = 0, *, timeout: float | None = None) -> int:
        """Sends many objects, each as a message of JSON as send_json() makes it, and returns how many: all of them.

        `objs` is an iterable; the rest, with `timeout` in seconds, is as in send_many(). Raises TypeError or ValueError, as json
        does, with the number of the object that JSON cannot express; those before it were sent. `unsent` has the objects.
        """
    def recv_many(
        self, max: int = 1000, flags: int = 0, *, min: int = 1, timeout: float | None = None
    ) -> list[bytes | list[bytes]]:
        """Receives up to `max` messages at once: a list of bytes or, for a message of several frames, lists of bytes.

        Waits until `min` messages are there, and takes what else is there without waiting. It waits with flags=DONTWAIT not at
        all, else for `timeout` seconds or, without one, for RCVTIMEO milliseconds (by default for ever). When the time is over
        it returns what there is, and raises Again if that is nothing.

        When it raises (a signal came, the socket was closed, see recv()), what it had taken is the socket's again, as the next
        to be received. Raises ValueError unless 1 <= min <= max. While messages keep coming it returns after 10 ms, also
        with fewer than `max`. A `min` of thousands needs room for so many: see RCVHWM.
        """
    def recv_json_many(
        self, max: int = 1000, flags: int = 0, *, min: int = 1, timeout: float | None = None
    ) -> list[Any]:
        """Receives up to `max` messages of JSON at once: a list of the objects, each as recv_json() reads it.

        The rest is as in recv_many(), with `timeout` in seconds. A message that is not JSON, or has several frames, ends the
        list before it and is the next to be received. If it is the first one, ValueError is raised, and it is gone, as in
        recv_json().
        """
    def recv_many_into(self, buffer: Buffer, flags: int = 0, *, min: int = 1, timeout: float | None = None) -> int:
        """Receives messages into the records of an array, and returns how many records it filled, from the first one on.

        `buffer` is anything contiguous and writable: a numpy array of any dtype, an array, a memoryview. Its first axis counts
        the records, so that each has itemsize times the lengths of the other axes in bytes. Each message fills one record: it
        has one frame of exactly that size.

        Waits until `min` messages are there, and takes what else is there, as far as there are records; `timeout` is in
        seconds, and the rest is as in recv_many(). A message that is no record is not taken: the call returns the records
        before it, also fewer than `min`; if there are none it raises ValueError, and recv_multipart() takes it.

        Raises ValueError for records of no bytes, and unless 1 <= min <= records; BufferError for a buffer that is read-only or
        not contiguous, TypeError for what has none.
        """
    def poll(self, timeout: float | None = None, flags: int = 1) -> int:
        """Waits for events, and returns those that are there: POLLIN (something to receive), POLLOUT (room to send), or 0.

        `timeout` is in milliseconds, as pyzmq has it here; None and negative wait for ever. `flags` are the events to wait for.
        """
    @property
    def stats(self) -> SocketStats:
        """What the socket has counted so far: a SocketStats with messages and bytes, sent and received; also after close()."""
    @property
    def peers(self) -> list[Peer]:
        """The peers that are connected now, a list of Peer.

        They come from the socket's monitor (RFC 37: a peer counts once its handshake has succeeded). Raises UnknownAttribute
        (EINVAL) for a socket that was bound or connected unwatched: see watch().
        """
    def wait_for_peers(self, n: int = 1, timeout: float | None = None) -> int:
        """Waits until at least `n` peers are connected, and returns how many are.

        `timeout` is in seconds; None waits for ever. Raises Again at its end, saying how many there were. What is sent after it
        goes to all of them: no more lost first messages, and no sleep() against them. (A PUB needs the subscriptions too: see
        wait_for_subscribers().)
        """
    @property
    def subscriptions(self) -> dict[bytes, int]:
        """What subscribers have subscribed to at this PUB socket: {topic: number of subscriptions}, topics as bytes.

        Raises UnknownAttribute (ENOTSUP) for other types (an XPUB receives subscriptions as messages).
        """
    def watch(self) -> None:
        """Watches from now on who is connected; to be called before bind() and connect().

        That is needed only in a context with more than 64 open sockets: the first 64 are watched anyway.
        """
    def monitor(self, addr: str | bytes | None, events: int = 65535) -> None:
        """Reports what happens on the socket's connections to an inproc endpoint, where a PAIR socket of the same context
        receives it (zmq_socket_monitor); None ends that. get_monitor_socket() does both ends.

        `events` are those to report, EVENT_ALL by default. A socket has one monitor: the former one ends first. One that ends,
        here or with its socket, reports EVENT_MONITOR_STOPPED as its last. Each event is a message of two frames, for
        recv_monitor_message() of `utils.monitor` to read. Nothing happens over inproc that could be reported.

        The socket never waits for whoever reads: 65536 events wait for a slow reader, or for one to come, beyond those in its
        queue; after that the oldest of them are dropped.

        Raises ZMQError with EPROTONOSUPPORT for another transport than inproc, EINVAL for what is no endpoint and for events
        beyond 16 bits (such as EVENT_PIPES_STATS), EADDRINUSE for a name that is taken; SocketClosed, ContextTerminated.
        """
    @property
    def _id(self) -> int: ...
    @property
    def _endpoints(self) -> list[tuple[str, bool]]: ...
    def _open(self, context: Context, socket_type: int) -> None: ...
    def _share(self, other: Socket) -> None: ...
    def _share_address(self, address: int) -> int: ...
    def _abandon(self, patience: float) -> None: ...
    def _no_reply(self, timeout: float | None, retries: int) -> NoReturn: ...
    def _request(self, msg_parts: Iterable[Buffer], timeout: float | None, retries: int) -> list[bytes]: ...
    def _next(self) -> bytes | list[bytes] | None: ...
    def _stay_local(self) -> None: ...
    def _survey(self) -> dict[str, Any]: ...
    def _wait_for_subscribers(self, n: int, topic: bytes | None, timeout: float | None) -> int: ...

@disjoint_base
class AsyncSocket(Socket):
    """The core's part of an asyncio socket. Use `brokerless.asyncio.Socket`, which its `Context.socket()` makes."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _enter_loop(self, event_loop: AbstractEventLoop, lane: Any, waiter: Waiter) -> None: ...
    def _recv(
        self,
        flags: int,
        copy: bool,
        multipart: bool,
        timeout: float | None,
        finish: Callable[[Any], Any] | None = None,
    ) -> Awaitable[Any]: ...
    @overload  # type: ignore[override]
    def recv(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: float | None = None
    ) -> Awaitable[bytes]:
        """Receives the next frame; see `zmq.Socket.recv`."""
    @overload
    def recv(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: float | None = None
    ) -> Awaitable[Frame]: ...
    @overload
    def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: float | None = None
    ) -> Awaitable[bytes | Frame]: ...
    @overload  # type: ignore[override]
    def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: float | None = None
    ) -> Awaitable[list[bytes]]:
        """Receives all frames of the next message; see `zmq.Socket.recv_multipart`."""
    @overload
    def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: float | None = None
    ) -> Awaitable[list[Frame]]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: float | None = None
    ) -> Awaitable[list[bytes] | list[Frame]]: ...
    def send(  # type: ignore[override]
        self,
        data: Buffer,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Awaitable[MessageTracker | None]:
        """Sends one frame; see `zmq.Socket.send`. `data` must not change until this is done."""
    def send_multipart(  # type: ignore[override]
        self,
        msg_parts: Iterable[Buffer],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        routing_id: int | None = None,
        group: str | None = None,
        timeout: float | None = None,
    ) -> Awaitable[MessageTracker | None]:
        """Sends all frames as one message, or none; see `zmq.Socket.send_multipart`."""

@final
class Trace:
    """The core's part of a trace: a bounded list of the messages that go through some sockets. Use `brokerless.trace`.

    The last `keep` messages are kept, `head` bytes of each of their first 8 frames. A trace holds its sockets weakly.
    """

    def __new__(cls, sockets: Sequence[Socket], keep: int, head: int) -> Self: ...
    def start(self) -> None:
        """Begins to record, or goes on. A socket that was closed meanwhile is left out."""
    def stop(self) -> None:
        """Ends the recording; what was recorded is kept."""
    @property
    def running(self) -> bool:
        """Whether it records."""
    @property
    def counts(self) -> tuple[int, int]:
        """(how many messages are kept, how many older ones are not any more)."""
    def read(
        self,
    ) -> tuple[
        list[tuple[int, bool, float, float, int, int, list[tuple[int, bytes]]]],
        list[tuple[int, list[tuple[str, bool]]]],
    ]:
        """The messages in the order of their times, and for each socket its context and endpoints.

        A message is (socket, sent, time, elapsed, parts, size, frames): the socket's number, seconds since the epoch, seconds
        since the trace began, how many frames and bytes it has, and of the first frames (size, first bytes).
        """

@final
class Waiter:
    """A socket in an event loop: tries what can be done now, and has a descriptor that says when to try again.

    What it tells of is what listen() says. With `by_tries`, a try that fails also begins that for its event, and one that
    does not ends it.
    """

    def __new__(cls, socket: Socket, by_tries: bool = False) -> Self: ...
    def fileno(self) -> int:
        """The descriptor to watch for input: this waiter's own, and the same until close()."""
    def listen(self, events: int) -> None:
        """Makes the descriptor tell of these events from now on (POLLIN, POLLOUT; 0 for none). Then look once more."""
    @property
    def listens(self) -> int:
        """The events that the descriptor tells of."""
    def drain(self) -> None:
        """Forgets the wake-ups so far; call it before looking at the socket."""
    def close(self) -> None:
        """Gives the descriptors back. The waiter makes new ones if it is used again."""
    @property
    def timeouts(self) -> tuple[int, int]:
        """RCVTIMEO and SNDTIMEO in milliseconds; negative is for ever."""
    def recv(self, copy: bool, multipart: bool) -> Any:
        """Receives if a message is there, else returns None. A frame, or with `multipart` a list of all frames."""
    def send(
        self,
        data: Buffer,
        flags: int,
        threshold: int | None = None,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> Literal[True] | MessageTracker | None:
        """Sends one frame if there is room. None if there is none, else True or the frame's MessageTracker.

        `threshold`: from so many bytes on memory is lent, not copied; None copies everything.
        """
    def send_multipart(
        self,
        msg_parts: Iterable[Buffer],
        flags: int,
        threshold: int | None = None,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> Literal[True] | MessageTracker | None:
        """Sends all frames as one message if there is room. None if there is none, else True or the MessageTracker of them."""
    def send_many(self, messages: list[Any], start: int, base: int) -> int:
        """Sends what can go now of a list of messages, from number `start` on, and returns how many went.

        `base` is the number of the list's first message, for errors; one that is raised means that nothing went.
        """
    def give_back(self, frames: Sequence[Frame]) -> None:
        """Puts the frames of a message that nobody got back in front of the socket's queue."""
    def again(self, receiving: bool, waited: float | None = None) -> error.ZMQError:
        """The error of a receive (or a send) that could not be done now or, with `waited`, within so many seconds."""

@final
class Haul:
    """Messages that were taken from a socket for an awaited call, and not handed out yet.

    With `record` each has to be one frame of so many bytes: the first that is not stays at the socket, and is `odd`.
    """

    def __new__(cls, socket: Socket, record: int = 0) -> Self: ...
    def __len__(self) -> int: ...
    @property
    def odd(self) -> bool:
        """Whether a message came that is no record."""
    def add(self, frames: Sequence[Frame]) -> None:
        """Adds a message that was received as a list of frames."""
    def take(self, max: int) -> None:
        """Takes what else is there now, until there are `max` messages."""
    def give_back(self) -> None:
        """Gives all messages back, as the next to be received."""
    def messages(self) -> list[bytes | list[bytes]]:
        """Hands the messages out as recv_many() does."""
    def objects(self) -> list[Any]:
        """Hands them out as recv_json_many() does."""
    def fill(self, buffer: Buffer) -> int:
        """Hands them out as recv_many_into() does."""

def record_layout(buffer: Buffer) -> tuple[int, int]:
    """How many records a buffer has room for, and the bytes of one; raises what recv_many_into() raises."""

@final
class DeviceStats:
    """What a device has moved: whole messages (a multipart message is one) and the bytes of all their frames."""

    def __new__(cls) -> Self: ...
    @property
    def frontend_messages(self) -> int:
        """Messages moved from the frontend to the backend."""
    @property
    def frontend_bytes(self) -> int:
        """Bytes moved from the frontend to the backend."""
    @property
    def backend_messages(self) -> int:
        """Messages moved from the backend to the frontend."""
    @property
    def backend_bytes(self) -> int:
        """Bytes moved from the backend to the frontend."""
    def __eq__(self, value: object, /) -> bool: ...

@final
class Device:
    """A device that runs on a native thread of its own, which never takes the GIL. The sockets are its own from now on: it
    closes them at its end. Dropped, it stops by itself.
    """

    def __new__(cls, frontend: Socket, backend: Socket, capture: Socket | None = None) -> Self: ...
    @property
    def stats(self) -> DeviceStats:
        """What it has moved so far; also after its end."""
    @property
    def phase(self) -> Literal["running", "paused", "stopping", "ended"]:
        """What it does: "running", "paused", "stopping" or "ended"."""
    def pause(self) -> None:
        """Stops the flow; nothing is moved from the moment this returns until resume()."""
    def resume(self) -> None:
        """Lets the messages flow again."""
    def ask_stop(self, timeout: float | None = None) -> None:
        """Asks it to end: to take in nothing new, to pass on what it has (for `timeout` seconds at most), and to close."""
    def join(self, timeout: float | None = None) -> bool:
        """Waits for its end, `timeout` seconds at most; whether it has ended. Raises what made it end, if that was an error."""

@final
class Sampler:
    """Reads counters every `interval` seconds, on a native thread that never takes the GIL, and keeps the last `keep` rows.

    `sources` are pairs: a prefix for the names of the columns, and a socket (messages_sent, messages_received, bytes_sent,
    bytes_received, peers), the core's device (frontend_messages, frontend_bytes, backend_messages, backend_bytes), or what a
    reliable producer (jobs, jobs_bytes, done, in_flight, redelivered, lost, workers) or collector (results, results_bytes,
    failed, duplicates, waiting, sources) is made of. They are not kept alive. When all of them are closed, it takes a last row and ends; so it does at a stop(), when `seconds` are over,
    and when it is collected.

    Raises SocketClosed for what is closed already, ValueError for an interval below 0.05 s or above an hour, for less than 2
    or more than a million rows, for no seconds at all, without a source, and for columns of one name.
    """

    def __new__(
        cls,
        sources: Sequence[tuple[str, Socket | Device]],
        interval: float = 0.25,
        keep: int = 1200,
        seconds: float | None = None,
    ) -> Self: ...
    @property
    def names(self) -> list[str]:
        """The columns besides "time" and "elapsed"."""
    @property
    def interval(self) -> float:
        """Seconds between two rows."""
    @property
    def taken(self) -> int:
        """How many rows were taken so far, those that are not kept any more included."""
    @property
    def changed(self) -> int:
        """The number of the last row, counted from 1, in which anything had changed."""
    @property
    def ended(self) -> bool:
        """Whether it has ended. In a forked child it has: its thread is the parent's."""
    def wait(self, seen: int, timeout: float | None = None) -> bool:
        """Waits until there are more than `seen` rows, or it has ended, for `timeout` seconds at most; whether that is so."""
    def columns(self, most: int | None = None) -> dict[str, bytearray]:
        """The rows, as columns: {name: bytearray of 8 bytes for each}.

        "time" (seconds since the epoch) and "elapsed" (seconds since the first row) are floats; all others are signed integers,
        with -1 for a number of peers that is not known. With `most` there are at most so many rows, spread evenly, with the
        first and the last.
        """
    def wires(self, most: int | None = None) -> list[tuple[str, str, str, bool, bytearray, bytearray, bytearray]]:
        """What went through each connection over TCP, as the kernel counts it: a list in the order in which they came.

        Each is (prefix of its source, local endpoint, remote endpoint, whether it is still there, elapsed, sent, received). The
        last three are columns as in columns(): seconds, and the bytes that the other side has acknowledged and that have come, what
        the protocol itself takes included. Of 64 connections at most; those that are gone make room first. Over ipc and inproc
        nobody counts. With `most` there are at most so many rows of each.
        """
    def stop(self) -> None:
        """Ends it, with a last row, and waits for that. What was sampled stays."""

@final
class Stream:
    """The results that come into a PULL socket, up to the end of the stream."""

    def __new__(cls, socket: Socket, grace: float) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    @property
    def received(self) -> int:
        """How many messages were taken."""
    @property
    def ends(self) -> tuple[int, int]:
        """How often somebody has said that the stream is over, and in how many bytes: no results."""
    @property
    def peers(self) -> int:
        """How many peers are there now."""
    def recv(self, timeout: float | None = None) -> tuple[bool, Any]:
        """(True, result), or (False, whether it is the end rather than the time that is over)."""
    def collect(self, results: list[Any], n: int | None = None, timeout: float | None = None) -> bool:
        """Appends results to a list, `n` of them or all up to the end; False if the time is over before."""
    def tally(self, counts: dict[Any, int], key: str, n: int | None = None, timeout: float | None = None) -> bool:
        """Counts results by `key` into a dict, `n` of them or all up to the end; False if the time is over before. The
        dict has what was counted also if an error is raised.
        """
    def tallied(self) -> tuple[str | None, int, int, list[tuple[str, int]]]:
        """What the tally under way, or the last one, has counted, not more than a little late: (its key or None, results, labels,
        [(text of a label, count)] of the most frequent). Tallies begin to tell when this is first called.
        """

@final
class Dispatcher:
    """A producer that gets its jobs done, by a ROUTER that is its own from now on."""

    def __new__(
        cls,
        socket: Socket,
        run: bytes,
        codec: tuple[str, Any],
        *,
        window: int,
        window_bytes: int,
        retries: int,
        max_deliveries: int,
        heartbeat: float,
        limit: float,
        job_timeout: float | None = None,
    ) -> Self: ...
    @staticmethod
    def prepare(socket: Socket) -> None:
        """Sets the options that a socket needs before it binds."""
    @property
    def counts(self) -> dict[str, int]:
        """Its figures, by their names."""
    @property
    def workers(self) -> list[tuple[str, bool, int, int, int, int]]:
        """What each worker has done: (name, whether it is here, jobs that it has, done, failed, how often it was lost)."""
    def gate(self, workers: int) -> None:
        """Gives out nothing until so many workers are there."""
    def send(self, job: Any, timeout: float | None = None) -> int:
        """Takes a job, waiting up to `timeout` seconds for room; its number."""
    def send_all(self, jobs: Iterable[Any], timeout: float | None = None) -> int:
        """Takes every job of an iterable, waiting up to `timeout` seconds for room for each; how many."""
    def feed(self, jobs: Iterator[Any], results: Gatherer) -> tuple[int, bool]:
        """Takes jobs of an iterator while there is room and no result waits: (how many, whether there may be more)."""
    def wait_room(self, results: Gatherer, timeout: float | None = None) -> bool:
        """Waits until there is room for the next job, or there are results; False if the time is over before."""
    def finish(self) -> None:
        """Says that no more jobs will come."""
    def wait_over(self, timeout: float | None = None) -> bool:
        """Waits until all is done; False if the time is over before."""
    def wait_for_workers(self, workers: int, timeout: float | None = None) -> int:
        """Waits until so many workers are there; how many are, also if the time is over before."""
    def cancel(self, number: int) -> bool:
        """Cancels a job that no worker has; whether it is cancelled."""
    def cancel_from(self, first: int) -> None:
        """Cancels all jobs from this one on that no worker has."""
    def forget_pending(self) -> None:
        """Forgets a job that was taken from an iterator and found no room."""
    def is_begun(self, number: int) -> bool:
        """Whether a worker has it, or it is done."""
    def stop(self) -> None:
        """Stops, also before all is done."""
    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end of its thread, `timeout` seconds at most; whether it has ended."""

@final
class Gatherer:
    """A collector that has each result once, by a ROUTER that is its own from now on."""

    def __new__(
        cls,
        socket: Socket,
        id: bytes,
        codec: tuple[str, Any, Any],
        *,
        ordered: bool,
        window: int,
        heartbeat: float,
        limit: float,
    ) -> Self: ...
    @staticmethod
    def prepare(socket: Socket) -> None:
        """Sets the options that a socket needs before it binds."""
    @property
    def counts(self) -> dict[str, int]:
        """Its figures, by their names."""
    @property
    def workers(self) -> list[tuple[str, bool, int, int, int, int]]:
        """What came from each worker: (name, whether it is here, 0, results, failed, how often it was lost)."""
    def next(self, nothing: bool, timeout: float | None = None) -> tuple[str, Any]:
        """The next result: ("value", object), ("failed", exception), ("end", None) or ("time", None).

        `nothing`: whether results that are nothing count. `timeout` in seconds.
        """
    def take(self, most: int, timeout: float | None = None) -> list[tuple[int, bool, Any]] | None:
        """Results with their numbers, up to `most` of those that are there after a wait of up to `timeout` seconds:
        [(number, whether it is a value, object or exception)]; None at the end.
        """
    def collect(self, results: list[Any], n: int | None = None, timeout: float | None = None) -> bool:
        """Appends results to a list, `n` of them or all up to the end; False if the time is over before. Raises what a job has
        failed with.
        """
    def tally(self, counts: dict[Any, int], key: str, n: int | None = None, timeout: float | None = None) -> bool:
        """Counts results by `key` into a dict, `n` of them or all up to the end; False if the time is over before. The
        dict has what was counted also if an error is raised.
        """
    def tallied(self) -> tuple[str | None, int, int, list[tuple[str, int]]]:
        """What the last tally has counted: see Stream.tallied()."""
    def set_ordered(self, ordered: bool) -> None:
        """Whether results are handed over in the order of their jobs, from now on."""
    def stop(self) -> None:
        """Stops: workers are told."""
    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end of its thread, `timeout` seconds at most; whether it has ended."""

@final
class Service:
    """A worker whose jobs get done, by two DEALERs that are its own from now on."""

    def __new__(cls, source: Socket, sink: Socket, name: str, codec: tuple[str, Any, str, Any]) -> Self: ...
    @staticmethod
    def prepare(socket: Socket) -> None:
        """Sets the options that a socket needs before it connects."""
    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Jobs received, results acknowledged, jobs failed, messages refused."""
    @property
    def here(self) -> tuple[bool, bool]:
        """Whether the producer, and the collector, have welcomed it."""
    def run(self, function: Callable[[Any], Any], timeout: float | None = None) -> tuple[str, str]:
        """Works until there is nothing to do any more: ("done", ""), ("closed", ""), ("left", ""), ("wrong", why) or, if nothing
        comes for `timeout` seconds, ("time", "").
        """
    def stop(self, at_once: bool = False) -> None:
        """Ends after the job in hand; `at_once`: ends now."""
    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end of its thread, `timeout` seconds at most; whether it has ended."""

@final
class WorkLoop:
    """The loop, its counters, and the way to stop it."""

    def __new__(cls, source: Socket, sink: Socket | None, grace: float) -> Self: ...
    @property
    def counts(self) -> tuple[int, int, int]:
        """Jobs received, results sent, jobs failed."""
    @property
    def stopped(self) -> bool:
        """Whether it was stopped."""
    def run(self, function: Callable[[Any], Any], endpoints: Sequence[str], timeout: float | None = None) -> bool:
        """Works until the end of the stream (True) or a stop (False). `timeout`: the longest wait for any one thing."""
    def stop(self) -> None:
        """Ends the loop after the job in hand, whatever it waits for."""

def close_delivered(socket: Socket, timeout: float | None = None) -> bool:
    """Closes a socket, and waits up to `timeout` seconds until what it has sent has left; whether it has."""

def send_end(socket: Socket) -> int:
    """Says to each peer, once, that the stream is over, and waits for nothing. How many peers there were."""

def send_jobs(socket: Socket, jobs: Iterable[Any], timeout: float | None = None) -> None:
    """Sends every job of an iterable as JSON; waits up to `timeout` seconds for room, for each."""

def poll(items: Iterable[tuple[Any, int]], timeout: float | None = None) -> list[int]:
    """Polls a list of (socket, descriptor or object with a fileno(), events), and returns each one's events that are there.

    `timeout` is in milliseconds; None and negative wait for ever. At its end all events are 0. `select` is made of this.
    """

def poll_ready(items: Iterable[tuple[Any, int]], timeout: float | None = None) -> list[tuple[Any, int]]:
    """Polls a list as poll() does, and returns [(socket or descriptor, events)] of those that are ready. `Poller` is made of this."""

def proxy(
    frontend: Socket,
    backend: Socket,
    capture: Socket | None = None,
    control: Socket | None = None,
    prefixes: tuple[builtins.bytes, builtins.bytes] | None = None,
) -> None:
    """Moves messages between two sockets in the calling thread, without the GIL, until a socket is closed, the context ends,
    `control` says TERMINATE, or a signal handler raises.

    `prefixes` are the frames that stand before the copies to `capture`, for each way, and make it a monitored queue.
    """

def json_dumps(obj: object) -> bytes | None:
    """`json.dumps(obj).encode("utf8")`, or None when the fast path does not know how."""

def json_loads(data: bytes) -> Any:
    """`json.loads(data.decode("utf8"))`, or NotImplemented (which no JSON stands for) when the fast path does not know how."""

def constants_table() -> list[tuple[str, str, int, str | None]]:
    """Every constant as (group, name, number, kind), in the order in which the enums of `brokerless.constants` list them.

    `kind` is the type of a socket option's value ("int", "int64", "bytes", "fd"), and None for what is no option.
    """

def zmq_version_info() -> tuple[int, int, int]:
    """The version of libzmq in use, as (major, minor, patch)."""

def has(capability: str) -> bool:
    """Whether libzmq was built with a capability (zmq_has): "curve", "ipc", "draft", "gssapi", "pgm", "tipc", "norm", "vmci"."""

def fitting_types() -> dict[str, list[str]]:
    """Which types of sockets each type talks to, as libzmq's handshake has it: {"REQ": ["REP", "ROUTER"], ...}."""

def strerror(errno: int) -> str:
    """What libzmq says about an errno (zmq_strerror), in a few words."""

def set_spin(seconds: float) -> None:
    """Lets each thread of this process that has to wait in a socket, a poll or a device look for so many seconds first, and only
    then sleep: 0, the default, is to sleep at once, and 1 is the most.

    A look finds what has come sooner than the system wakes a thread that sleeps, which can shorten round trips where
    processors are free. It takes a whole processor meanwhile, and where there is none to spare it makes all slower.
    Raises ValueError for a number that is negative, NaN or above 1.
    """

def get_spin() -> float:
    """How many seconds a thread looks before it sleeps: see set_spin()."""

def zmq_errno() -> int:
    """The errno that the last failed libzmq call has left in this thread (zmq_errno). Errors that are raised have their own."""

def curve_keypair() -> tuple[bytes, bytes]:
    """A new key pair for CURVE: (public, secret), 40 bytes of Z85 each (zmq_curve_keypair; RFC 26, RFC 32).

    Raises ZMQError(ENOTSUP) if libzmq was built without CURVE.
    """

def curve_public(secret_key: str | Buffer) -> bytes:
    """The public key that belongs to a secret one, both as 40 bytes of Z85 (zmq_curve_public). The secret one may be a str.

    Raises ValueError if it has not 40 characters, ZMQError(EINVAL) if they are not Z85, TypeError for what is no text at all.
    """

@final
class ZapPolicy:
    """What decides who may connect: addresses, and a copy of the passwords and keys that an Authenticator has.

    Texts are given as the bytes that come over the wire. A domain is the server's ZAP_DOMAIN; the empty one is b"*".
    """

    def __new__(cls) -> Self: ...
    def allow(self, addresses: Sequence[str]) -> bool:
        """Lets clients from these addresses in, and no others. False if others were denied before."""
    def deny(self, addresses: Sequence[str]) -> bool:
        """Keeps clients from these addresses out. False if others were allowed before."""
    @property
    def allowed(self) -> builtins.set[str]:
        """The addresses that were allowed."""
    @property
    def denied(self) -> builtins.set[str]:
        """The addresses that were denied."""
    def change(self) -> None:
        """Tells that something has changed: the native handler decides nothing until the next load()."""
    @property
    def changes(self) -> int:
        """The number of changes so far; ask before you copy what is to be loaded."""
    @property
    def stale(self) -> bool:
        """Whether something has changed since what was loaded."""
    def load(
        self,
        of: int,
        *,
        passwords: dict[bytes, dict[bytes, bytes | None] | None],
        allow_any: bool,
        asked: set[bytes],
        keys: dict[bytes, set[bytes] | None],
        by_hand: bool,
        names: bool,
    ) -> None:
        """Takes a copy of what an Authenticator had after so many changes.

        Tables go by domain; None in place of one means that only Python can look into it. A password of None fits nothing.
        `asked` are the domains with a callback, `by_hand` leaves every request to Python, `names` that of a client with a key.
        """
    def plain(self, domain: bytes, username: bytes, password: bytes) -> tuple[bool, bytes] | None:
        """The decision on a name and password: whether, and why. None: only Python can tell."""
    def curve(self, domain: bytes, key: bytes) -> tuple[bool, bytes] | None:
        """The decision on a key of 32 bytes: whether, and why. None: only Python can tell."""
    def read(self, msg: Sequence[Buffer]) -> ZapRequest:
        """Reads a request, and whether its address alone is reason enough to send it away."""

@final
class ZapRequest:
    """A request of ZAP (RFC 27): libzmq asks whether a client may connect."""

    @property
    def id(self) -> bytes:
        """The id, which the reply echoes."""
    @property
    def domain(self) -> bytes:
        """The server's ZAP_DOMAIN; may be empty."""
    @property
    def mechanism(self) -> bytes:
        """The mechanism by which the client says who it is: b"NULL", b"PLAIN", b"CURVE", b"GSSAPI"."""
    @property
    def credentials(self) -> list[bytes]:
        """What that mechanism wants to know of a client."""
    @property
    def refusal(self) -> bytes | None:
        """Why it is refused whoever asks: its address, or what is wrong with the request. None if it is not."""
    @property
    def malformed(self) -> bool:
        """Whether something is wrong with the request itself."""
    def describe(self, allowed: bool, why: bytes, user: bytes) -> str:
        """What a log says about the decision: never a password, and what the client sent is quoted."""

@final
class Guard:
    """The native ZAP handler of a context whose servers have lists of clients: who is on none is refused.

    Made for the same context again it is the same handler, which ends with the context. A domain is a server's ZAP_DOMAIN.
    Raises ZMQError(EADDRINUSE) where an authenticator runs, ContextTerminated after the end of the context.
    """

    def __new__(cls, context: Context) -> Self: ...
    def admit(
        self, domain: bytes, *, keys: dict[bytes, str] | None = None, passwords: dict[str, str] | None = None
    ) -> None:
        """Sets who may come to a domain: names by public key (32 bytes each), passwords by name, or, without either, whoever has
        a key. Raises ValueError for a key of another size.
        """
    def has(self, domain: bytes) -> bool:
        """Whether a domain has a list."""
    def forget(self, domain: bytes) -> None:
        """Lets nobody come to a domain any more."""
    def watch(self, socket: Socket, domain: bytes) -> None:
        """Has handshakes that fail before anybody is asked noted as refusals, too. Watches the socket, if nobody does."""
    def refusals(self, domain: bytes) -> list[tuple[str, str, str, str, int, float, float]]:
        """Who was refused at a domain, the latest last: (address, mechanism, who, why, count, first, last), where the times are
        seconds since 1970. A context remembers 256 different ones.
        """
    def lines(self) -> list[tuple[int, str]] | None:
        """Waits for lines to log, which are returned with their levels (as in `logging`); None when the handler has ended."""
    def set_verbose(self, verbose: bool) -> None:
        """Whether every decision is told for the log, or one in a second only. Refusals are told always."""
    def begin_log(self) -> bool:
        """Whether the caller is the first to ask: the one who logs the lines."""
    @property
    def ended(self) -> bool:
        """Whether it decides no more: its context has ended."""

@final
class ZapHandler:
    """A native thread that replies to what comes to a REP socket, without the GIL. What only Python can tell is in take(), and
    Python replies to it by the same socket. Dropped, it ends.
    """

    def __new__(cls, socket: Socket, policy: ZapPolicy) -> Self: ...
    def fileno(self) -> int:
        """The descriptor to watch for input: there is something to take()."""
    def take(self) -> tuple[list[list[bytes]], list[tuple[int, str]], bool]:
        """What there is for Python: requests to reply to, (level, text) for the log, and whether the thread has ended."""
    def set_verbose(self, verbose: bool) -> None:
        """Whether every decision is told for the log, or one in a second only."""
    @property
    def ended(self) -> bool:
        """Whether the thread has ended: it was stopped, its socket was closed, or the context has ended."""
    def stop(self) -> None:
        """Ends the thread, and waits for it. The socket stays open."""
    def join(self, timeout: float | None = None) -> bool:
        """Waits for its end, `timeout` seconds at most; whether it has ended."""

def zap_reply(request_id: bytes, status_code: bytes, status_text: bytes, user_id: bytes) -> list[bytes]:
    """The frames of a reply: its status code is b"200", b"300", b"400" or b"500"."""

def zap_password(known: bytes | None, given: bytes) -> tuple[bool, bytes]:
    """The decision on a password that was looked up elsewhere (None: there is no such user), in constant time."""

def z85_encode(data: Buffer) -> bytes:
    """Bytes as Z85 (RFC 32). Raises ValueError if their number is not a multiple of 4."""

def z85_decode(text: Buffer) -> bytes:
    """Z85 as bytes. Raises ValueError if its length is not a multiple of 5, or it is not Z85."""

def flush_at_exit(patience: float) -> list[str]:
    """Closes what is open and lets messages leave for at most `patience` seconds; returns a line for each socket whose
    messages may not have been delivered.
    """
