"""Log records as messages of a PUB socket, whose topic begins with the record's level.

    handler = PUBHandler("tcp://127.0.0.1:5558", root_topic="weather")
    logging.getLogger().addHandler(handler)
    logging.warning("storm")            # b"weather.WARNING", b"WARNING station.py:12 - storm\\n"
    logging.info("north::%d hPa", 990)  # b"weather.INFO.north", b"990 hPa\\n"

Whoever wants the warnings subscribes to b"weather.WARNING". Records that nobody has subscribed to are dropped.
"""

from __future__ import annotations

import logging
from copy import copy
from typing import Any, Callable, Dict, Optional, Union

from ..constants import SocketType
from ..context import Context
from ..error import ForkedProcessError
from ..socket import Socket

#: What ends the topic at the beginning of a log message.
TOPIC_DELIM = "::"

_WITH_PLACE = "%(levelname)s %(filename)s:%(lineno)d - %(message)s"


class PUBHandler(logging.Handler):
    """Publishes log records as messages of two frames, the topic and the text.

    The topic is made of `root_topic`, the name of the level, and what stands before a "::" in the logged message, joined by
    dots; those that are empty are left out. Each level has a formatter of its own in `formatters`; a level that has none
    uses that of the next lower one.

    A record that cannot be made a message, or comes from a forked child, which may not use its parent's sockets, is
    reported as `logging` reports such things: on stderr, see logging.Handler.handleError().
    """

    #: The formatter of each level, by its number. None: that of `logging` itself.
    formatters: Dict[int, Optional[logging.Formatter]]
    #: The context of the socket.
    ctx: Context
    #: The socket that publishes. It stays open when the handler is closed or forgotten by its logger; close it yourself.
    socket: Socket

    def __init__(
        self, interface_or_socket: Union[str, Socket], context: Optional[Context] = None, root_topic: str = ""
    ) -> None:
        """Publish by a socket that is there, or open one.

        Parameters
        ----------
        interface_or_socket : str or Socket
            A socket of your own, bound or connected already; or where a new PUB socket shall bind to, such as "tcp://*:5558".
        context : Context, optional
            Where to open it; in a new context otherwise. Of no concern to a socket of your own.
        root_topic : str
            What all topics begin with.

        Raises
        ------
        ZMQError
            If the new socket cannot bind. It is closed then.
        """
        super().__init__()
        self.root_topic = root_topic
        self.formatters = {
            logging.DEBUG: logging.Formatter(f"{_WITH_PLACE}\n"),
            logging.INFO: logging.Formatter("%(message)s\n"),
            logging.WARNING: logging.Formatter(f"{_WITH_PLACE}\n"),
            logging.ERROR: logging.Formatter(f"{_WITH_PLACE} - %(exc_info)s\n"),
            logging.CRITICAL: logging.Formatter(f"{_WITH_PLACE}\n"),
        }
        if isinstance(interface_or_socket, Socket):
            self.socket = interface_or_socket
            self.ctx = interface_or_socket.context
            return
        self.ctx = Context() if context is None else context
        self.socket = self.ctx.socket(SocketType.PUB)
        try:
            self.socket.bind(interface_or_socket)
        except BaseException:
            self.socket.close()
            raise

    @property
    def root_topic(self) -> str:
        """What all topics begin with; "" for nothing. Bytes are taken as UTF-8."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: Union[str, bytes]) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: Union[str, bytes]) -> None:
        """Let all topics begin with this, as `root_topic = ...` does.

        Subscribers go by the beginning of a topic, so that they have to know it, or to subscribe to everything (b"").
        """
        self._root_topic = root_topic.decode("utf8") if isinstance(root_topic, bytes) else root_topic

    def setFormatter(self, fmt: Optional[logging.Formatter], level: int = logging.NOTSET) -> None:
        """Set the formatter of a level; without `level`, that of every level which has one of its own."""
        for known in list(self.formatters) if level == logging.NOTSET else [level]:
            self.formatters[known] = fmt

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, by the formatter of its level."""
        lower = [level for level in self.formatters if level <= record.levelno]
        formatter = self.formatters[max(lower) if lower else min(self.formatters)]
        return (formatter or _PLAIN).format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record. Raises ZMQError if the socket cannot send, for instance because it was closed."""
        before, delimiter, after = str(record.msg).partition(TOPIC_DELIM)
        if delimiter:
            # Other handlers get the same record, and shall see what was logged.
            record = copy(record)
            record.msg = after
        try:
            text = self.format(record).encode("utf8")
        except Exception:
            # Whatever a message's own __str__ or a formatter raises; it is shown, and the program goes on.
            self.handleError(record)
            return
        topics = (self.root_topic, record.levelname, before if delimiter else "")
        topic = ".".join(part for part in topics if part).encode("utf8", "replace")
        try:
            self.socket.send_multipart([topic, text])
        except ForkedProcessError:
            # A program must be able to log in its children, even if this is not heard.
            self.handleError(record)


_PLAIN = logging.Formatter()


def _at(level: int, **defaults: Any) -> Callable[..., None]:
    def method(self: TopicLogger, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:
        self._log_topic(level, topic, msg, args, {**defaults, **kwargs})

    method.__doc__ = f"Log `msg % args` under `topic` at the level {logging.getLevelName(level)}."
    if defaults:
        method.__doc__ += " The exception that is being handled is logged as well."
    return method


class TopicLogger(logging.Logger):
    """A logger whose methods have the topic as an argument: logger.debug("north.east", "%d hPa", 990).

    Everything else is as in logging.Logger. logging.setLoggerClass(TopicLogger) makes getLogger() return these.
    """

    def log(self, level: int, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log `msg % args` under `topic` at any level. Keyword arguments are those of logging.Logger.log()."""
        self._log_topic(level, topic, msg, args, kwargs)

    debug = _at(logging.DEBUG)
    info = _at(logging.INFO)
    warning = warn = _at(logging.WARNING)
    error = _at(logging.ERROR)
    exception = _at(logging.ERROR, exc_info=True)
    critical = fatal = _at(logging.CRITICAL)

    def _log_topic(self, level: int, topic: str, msg: object, args: Any, kwargs: Dict[str, Any]) -> None:
        # The place that a record names is not in this file.
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 2
        super().log(level, f"{topic}{TOPIC_DELIM}{msg}", *args, **kwargs)


__all__ = ["PUBHandler", "TOPIC_DELIM", "TopicLogger"]
