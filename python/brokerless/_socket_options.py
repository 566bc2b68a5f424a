"""A socket's options: by number, by name, as text, and as attributes that an editor knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Union

from . import _core
from ._options import OptionSetter, declare_options
from .constants import PollEvent, SocketOption, _OptType


class SocketOptions(_core.Socket, OptionSetter):
    """The part of `Socket` that gets and sets options.

    Every SocketOption is an attribute too, in upper or lower case: `socket.linger = 0`, `socket.LAST_ENDPOINT`. Most
    count for the endpoints that are bound or connected afterwards. Reading one that can only be written raises
    AttributeError, a value of the wrong type TypeError, one that libzmq does not take ZMQError(EINVAL).
    """

    setsockopt = _core.Socket.set
    getsockopt = _core.Socket.get

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Sets an option of bytes from a str. Raises TypeError for anything else than a str."""
        if not isinstance(optval, str):
            raise TypeError(f"strings only, not {type(optval)}: {optval!r}")
        self.set(option, optval.encode(encoding))

    setsockopt_string = setsockopt_unicode = set_string

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """The value of an option of bytes as a str. Raises TypeError for options of other types."""
        if SocketOption(option)._opt_type != _OptType.bytes:
            raise TypeError(f"option {option} will not return a string to be decoded")
        value: bytes = self.get(option)
        return value.decode(encoding)

    getsockopt_string = getsockopt_unicode = get_string

    def subscribe(self, topic: Union[str, bytes]) -> None:
        """Lets a SUB socket receive messages that begin with `topic` (ZMQ_SUBSCRIBE; RFC 29); b"" is every message.

        A str is encoded as UTF-8. Several subscriptions add up, and each asks for one unsubscribe(). The publishers
        filter, over tcp and ipc, so that what nobody wants is not sent.
        """
        self.set(SocketOption.SUBSCRIBE, topic.encode("utf8") if isinstance(topic, str) else topic)

    def unsubscribe(self, topic: Union[str, bytes]) -> None:
        """Ends one subscription to exactly this topic (ZMQ_UNSUBSCRIBE)."""
        self.set(SocketOption.UNSUBSCRIBE, topic.encode("utf8") if isinstance(topic, str) else topic)

    def get_hwm(self) -> int:
        """The high-water mark, in messages per peer; SNDHWM stands for both."""
        value: int = self.get(SocketOption.SNDHWM)
        return value

    def set_hwm(self, value: int) -> None:
        """Sets both high-water marks, SNDHWM and RCVHWM, in messages per peer; 0 is no limit."""
        self.set(SocketOption.SNDHWM, value)
        self.set(SocketOption.RCVHWM, value)

    hwm = property(get_hwm, set_hwm)

    def fileno(self) -> int:
        """The descriptor for event loops (ZMQ_FD). It is edge-triggered: when it is readable, look at EVENTS, which see."""
        value: int = self.get(SocketOption.FD)
        return value

    def _set_option(self, name: str, number: int, value: Any) -> None:
        self.set(number, value)

    def _get_option(self, name: str, number: int) -> Any:
        value = self.get(number)
        return PollEvent(value) if number == SocketOption.EVENTS else value

    def __setattr__(self, key: str, value: Any) -> None:
        # Both a method and an option: `s.subscribe("x")` and `s.subscribe = "x"`.
        if key.lower() in ("subscribe", "unsubscribe"):
            getattr(self, key.lower())(value)
        else:
            super().__setattr__(key, value)

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *SocketOption.__members__]

    # What the options are, for editors; a test compares the names with the core's table. Here a yes or no is 1 or 0.
    if TYPE_CHECKING:

        def __getattr__(self, key: str) -> Any: ...

        # Queues and limits

        sndhwm: int
        """How many messages may wait for a peer before send() waits, or drops (PUB); 0 is no limit. 1000 by default."""
        rcvhwm: int
        """How many messages of a peer may wait here before that peer's do on its side; 0 is no limit. 1000 by default."""
        maxmsgsize: int
        """The largest frame accepted from a peer, in bytes; a peer that sends more is disconnected. -1: no limit."""
        conflate: int
        """Keep only the newest message in each queue; not for multipart messages. Set it before bind and connect."""
        priority: int
        """Draft. The priority, among those that a message may go to, of the peers that are connected from now on."""

        # Time: milliseconds; -1 is for ever, where it is allowed

        linger: int
        """How long messages not delivered yet are kept after close(), in ms; -1 (the default) is for ever, 0 not at all."""
        rcvtimeo: int
        """How long a receive waits before it raises Again, in ms; -1 (the default) is for ever, 0 not at all."""
        sndtimeo: int
        """How long a send waits before it raises Again, in ms; -1 (the default) is for ever, 0 not at all."""
        connect_timeout: int
        """How long a connection may take to come about, in ms; 0 leaves it to the operating system."""
        handshake_ivl: int
        """How long the handshake with a peer may take, in ms; 0 is no limit. 30000 by default."""
        heartbeat_ivl: int
        """How often a silent peer is sent a ping, in ms (RFC 37); 0 (the default) is never."""
        heartbeat_timeout: int
        """How long a peer may leave a ping unanswered before it counts as gone, in ms. By default HEARTBEAT_IVL."""
        heartbeat_ttl: int
        """How long the peer shall wait for traffic from here before it gives up, in ms, a multiple of 100; 0 is not at all."""
        reconnect_ivl: int
        """How long to wait before connecting again, in ms. 100 by default; -1: do not connect again."""
        reconnect_ivl_max: int
        """The most that the wait between attempts to connect grows to, doubling, in ms; 0 (the default): it does not grow."""
        reconnect_stop: int
        """Draft. When not to connect again: a sum of RECONNECT_STOP_... values."""
        tcp_maxrt: int
        """How long unacknowledged tcp data is sent again before the connection counts as broken, in ms; 0: the system's."""

        # Who one is, and routing

        routing_id: bytes
        """The name by which ROUTER sockets of peers know this socket, up to 255 bytes, not beginning with a zero byte."""
        identity: bytes
        """ROUTING_ID under its old name."""
        connect_routing_id: bytes
        """Write-only. What this ROUTER or STREAM calls the peer that the next connect() leads to."""
        connect_rid: bytes
        """CONNECT_ROUTING_ID under its old name."""
        router_mandatory: int
        """Write-only. Sending to a peer that a ROUTER does not know raises EHOSTUNREACH instead of dropping."""
        fail_unroutable: int
        """ROUTER_MANDATORY under an old name."""
        router_behavior: int
        """ROUTER_MANDATORY under its oldest name."""
        router_handover: int
        """Write-only. A new peer with a routing id in use takes it over, instead of being refused."""
        router_raw: int
        """Write-only. The ROUTER speaks plain tcp; use STREAM instead."""
        router_notify: int
        """Draft. Report peers that come and go as empty messages: NOTIFY_CONNECT, NOTIFY_DISCONNECT, or both."""
        probe_router: int
        """Write-only. Send an empty message to each new peer, so that a ROUTER there knows of this socket."""
        req_correlate: int
        """Write-only. Number the requests of a REQ, and drop replies to any but the last one."""
        req_relaxed: int
        """Write-only. Let a REQ send again before the reply has come. Use it with REQ_CORRELATE; see request()."""

        # Publishing and subscribing

        invert_matching: int
        """Deliver what does not match: set it on the PUB or XPUB and on its subscribers."""
        xpub_verbose: int
        """Write-only. An XPUB passes on every subscription, not only the first to a topic."""
        xpub_verboser: int
        """Write-only. An XPUB passes on every subscription and every end of one."""
        xpub_manual: int
        """Write-only. An XPUB leaves it to its user to subscribe peers, by SUBSCRIBE and UNSUBSCRIBE."""
        xpub_manual_last_value: int
        """Draft, write-only. As XPUB_MANUAL, where the next message goes only to the peer that subscribed last."""
        xpub_nodrop: int
        """Write-only. Raise Again when a subscriber's queue is full, instead of dropping the message for it."""
        xpub_welcome_msg: bytes
        """Write-only. A message for each new subscriber, if it has subscribed to its topic; b"" is none."""
        xsub_verbose_unsubscribe: int
        """Draft, write-only. An XSUB sends every end of a subscription upstream, not only the last of a topic."""
        only_first_subscribe: int
        """Draft, write-only. Only the first frame of a message can be a subscription."""
        topics_count: int
        """Draft, read-only. How many topics this PUB, XPUB, SUB or XSUB has subscriptions for."""
        hello_msg: bytes
        """Draft, write-only. A message for each peer that connects."""
        disconnect_msg: bytes
        """Draft, write-only. A message to receive when a peer has disconnected."""
        hiccup_msg: bytes
        """Draft, write-only. A message to receive when a connection has broken and is made anew."""

        # Connections

        immediate: int
        """Queue messages only for connections that stand; a send without any waits. 0 (the default): also for others."""
        delay_attach_on_connect: int
        """IMMEDIATE under its old name."""
        ipv6: int
        """Allow IPv6 as well as IPv4."""
        ipv4only: int
        """The opposite of IPV6, its old form."""
        backlog: int
        """How many connections may wait to be accepted. 100 by default."""
        bindtodevice: bytes
        """The network interface that a socket is bound to, by name; needs the right to."""
        tcp_keepalive: int
        """SO_KEEPALIVE of tcp: 1 on, 0 off, -1 (the default) as the system has it."""
        tcp_keepalive_cnt: int
        """How many keepalive probes may go unanswered; -1: the system's."""
        tcp_keepalive_idle: int
        """After how many seconds of silence keepalive probes begin; -1: the system's."""
        tcp_keepalive_intvl: int
        """How many seconds there are between keepalive probes; -1: the system's."""
        tcp_accept_filter: bytes
        """Write-only, deprecated. Which addresses may connect, such as b"192.168.0.0/16"; use ZAP instead."""
        ipc_filter_pid: int
        """Write-only, deprecated. A process that may connect over ipc."""
        ipc_filter_uid: int
        """Write-only, deprecated. A user that may connect over ipc."""
        ipc_filter_gid: int
        """Write-only, deprecated. A group that may connect over ipc."""
        tos: int
        """Type of service in the IP headers (DSCP and ECN)."""
        sndbuf: int
        """The system's buffer for sending, in bytes; -1 (the default) leaves it to the system."""
        rcvbuf: int
        """The system's buffer for receiving, in bytes; -1 (the default) leaves it to the system."""
        in_batch_size: int
        """Draft. How many bytes are read from a connection at once. 8192 by default."""
        out_batch_size: int
        """Draft. How many bytes are written to a connection at once. 8192 by default."""
        use_fd: int
        """A descriptor that the next bind or connect uses, instead of making one; -1 is none."""
        stream_notify: int
        """Write-only. A STREAM reports connections and disconnections as empty messages; 1 by default."""
        socks_proxy: bytes
        """The SOCKS5 proxy to connect through, "host:port"; b"" is none."""
        socks_username: bytes
        """Draft. The user name for the SOCKS5 proxy."""
        socks_password: bytes
        """Draft. The password for the SOCKS5 proxy."""
        affinity: int
        """Which I/O threads serve this socket's new connections, as a set of bits; 0 (the default) is any."""
        busy_poll: int
        """Draft, write-only. SO_BUSY_POLL: for how many microseconds to poll the network card."""
        loopback_fastpath: int
        """Draft, Windows only. Use the fast path for loopback connections."""
        metadata: bytes
        """Draft, write-only. A property "X-name:value" that peers see in the frames that they receive (RFC 37)."""

        # Multicast: pgm and norm are not built in, udp is a draft

        rate: int
        """The most that is sent by multicast, in kilobits per second."""
        recovery_ivl: int
        """How long a multicast receiver can be absent and still catch up, in ms."""
        multicast_hops: int
        """How many routers a multicast packet may pass. 1 by default."""
        multicast_maxtpdu: int
        """The largest multicast packet, in bytes."""
        multicast_loop: int
        """Draft. Whether multicast messages come back to their own machine."""
        norm_mode: int
        """Draft. How NORM regulates its rate."""
        norm_unicast_nack: int
        """Draft. NORM sends its NACKs to the sender alone."""
        norm_buffer_size: int
        """Draft. NORM's buffer, in kilobytes."""
        norm_segment_size: int
        """Draft. NORM's payload per packet, in bytes."""
        norm_block_size: int
        """Draft. How many segments a block of NORM has."""
        norm_num_parity: int
        """Draft. The most parity segments per block of NORM."""
        norm_num_autoparity: int
        """Draft. How many parity segments NORM sends unasked."""
        norm_push: int
        """Draft. NORM streams push: a slow receiver misses data instead of holding up the sender."""
        vmci_buffer_size: int
        """Write-only; not built in."""
        vmci_buffer_min_size: int
        """Write-only; not built in."""
        vmci_buffer_max_size: int
        """Write-only; not built in."""
        vmci_connect_timeout: int
        """Write-only; not built in."""

        # Security

        mechanism: int
        """Read-only. The security in use: NULL, PLAIN, CURVE or GSSAPI, as a number."""
        plain_server: int
        """Be the server of PLAIN (RFC 24): peers show a user name and a password to the ZAP handler."""
        plain_username: bytes
        """The user name for PLAIN; setting it makes this socket a client of PLAIN."""
        plain_password: bytes
        """The password for PLAIN."""
        curve_server: int
        """Be the server of CURVE (RFC 26): only peers that know this server's public key get a connection."""
        curve_publickey: bytes
        """The own public key for CURVE, as 40 bytes of Z85 or 32 raw ones; reads as Z85."""
        curve_secretkey: bytes
        """The own secret key for CURVE, as 40 bytes of Z85 or 32 raw ones; reads as Z85."""
        curve_serverkey: bytes
        """The server's public key; setting it makes this socket a client of CURVE."""
        zap_domain: bytes
        """The domain that is told to the ZAP handler (RFC 27)."""
        zap_enforce_domain: int
        """Draft. Ask the ZAP handler only for sockets with a domain, as the RFC has it."""
        gssapi_server: int
        """Be the server of GSSAPI; not built in."""
        gssapi_principal: bytes
        """The own principal; not built in."""
        gssapi_service_principal: bytes
        """The server's principal; not built in."""
        gssapi_plaintext: int
        """Authenticate, but do not encrypt; not built in."""
        gssapi_principal_nametype: int
        """What sort of name the principal is; not built in."""
        gssapi_service_principal_nametype: int
        """What sort of name the server's principal is; not built in."""
        wss_key_pem: bytes
        """Write-only; wss is not built in."""
        wss_cert_pem: bytes
        """Write-only; wss is not built in."""
        wss_trust_pem: bytes
        """Write-only; wss is not built in."""
        wss_hostname: bytes
        """Write-only; wss is not built in."""
        wss_trust_system: int
        """Write-only; wss is not built in."""

        # What can be asked

        last_endpoint: bytes
        """Read-only. The endpoint bound or connected last, as libzmq resolved it: after binding "tcp://*:*" with its port."""
        events: PollEvent
        """Read-only. What can be done now: POLLIN, POLLOUT, both or neither."""
        fd: int
        """Read-only. The descriptor for event loops; edge-triggered, see fileno()."""
        rcvmore: int
        """Read-only. Whether more frames follow the one that was received last."""
        thread_safe: int
        """Read-only. Whether the type is thread-safe in libzmq itself; here every socket is safe to use."""


# Its type a socket knows without asking.
declare_options(SocketOptions, SocketOption.__members__, but="type")
