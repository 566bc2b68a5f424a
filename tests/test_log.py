"""brokerless.log: records on the network, topic by topic and level by level, and the program that shows them."""

from __future__ import annotations

import inspect
import logging
import logging.config
import os
import signal
import subprocess
import sys

import pytest

import brokerless as zmq
from brokerless.log import __main__ as watcher
from brokerless.log.handlers import TOPIC_DELIM, PUBHandler, TopicLogger

THIS = "test_log.py"


@pytest.fixture
def channel(make_socket):
    """A publisher, and a subscriber that hears everything from now on."""
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"")
    pub.wait_for_subscribers(1, timeout=10)
    return pub, sub


@pytest.fixture
def heard(channel):
    """heard(handler arguments): a logger whose records are published, and the socket that hears all of them."""
    loggers = []

    def make(kind=logging.Logger, **options):
        pub, sub = channel
        handler = PUBHandler(pub, **options)
        logger = kind("heard", logging.DEBUG)
        logger.addHandler(handler)
        loggers.append(logger)
        return logger, handler, sub

    yield make
    for logger in loggers:
        for handler in logger.handlers:
            handler.close()


def next_of(sub):
    return sub.recv_multipart(timeout=10)


def line_here():
    return inspect.currentframe().f_back.f_lineno


def test_pyzmq_has_the_same_names_and_signatures(pyzmq, pyzmq_ctx, ctx):
    from zmq.log import handlers as theirs

    if pyzmq.pyzmq_version() != zmq.pyzmq_version():
        pytest.skip("another pyzmq than the one that we follow")
    assert theirs.TOPIC_DELIM == TOPIC_DELIM
    for name in ("__init__", "setRootTopic", "setFormatter", "format", "emit"):
        assert shape(getattr(PUBHandler, name)) == shape(getattr(theirs.PUBHandler, name))
    for name in ("debug", "info", "warn", "warning", "error", "exception", "critical", "fatal"):
        assert shape(getattr(TopicLogger, name)) == shape(getattr(theirs.TopicLogger, name))
    assert shape(TopicLogger.log) == shape(theirs.TopicLogger.log)
    formats = [
        {level: formatter._fmt for level, formatter in handler.formatters.items()}
        for handler in (PUBHandler("inproc://log", ctx), theirs.PUBHandler("inproc://log", pyzmq_ctx))
    ]
    assert formats[0] == formats[1]


def shape(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_topics_and_texts_of_the_levels(heard):
    logger, _, sub = heard()
    logger.debug("a %d", 1)
    assert next_of(sub) == [b"DEBUG", b"DEBUG %s:%d - a 1\n" % (THIS.encode(), line_here() - 1)]
    logger.info("a %d", 1)
    assert next_of(sub) == [b"INFO", b"a 1\n"]
    for level in ("WARNING", "CRITICAL"):
        logger.log(getattr(logging, level), "a %d", 1)
        assert next_of(sub) == [level.encode(), f"{level} {THIS}:{line_here() - 1} - a 1\n".encode()]
    logger.error("a %d", 1)
    assert next_of(sub) == [b"ERROR", f"ERROR {THIS}:{line_here() - 1} - a 1 - None\n".encode()]


def test_an_exception_is_in_the_text(heard):
    logger, _, sub = heard()
    try:
        raise KeyError("k")
    except KeyError:
        logger.exception("lost")
    topic, text = next_of(sub)
    assert topic == b"ERROR"
    assert b"lost" in text
    assert b"Traceback" in text


@pytest.mark.parametrize(
    ("root", "message", "topic", "text"),
    [
        ("", "x", b"INFO", b"x\n"),
        ("root", "x", b"root.INFO", b"x\n"),
        ("root", "sub.deep::x", b"root.INFO.sub.deep", b"x\n"),
        ("root", "sub::x::y", b"root.INFO.sub", b"x::y\n"),
        ("root", "::x", b"root.INFO", b"x\n"),
        (b"r\xc3\xb6ot", "s\xf8b::\xe9", "r\xf6ot.INFO.s\xf8b".encode(), b"\xc3\xa9\n"),
        ("lone\ud800", "x", b"lone?.INFO", b"x\n"),
    ],
)
def test_topics(heard, root, message, topic, text):
    logger, handler, sub = heard(root_topic=root)
    logger.info(message)
    assert next_of(sub) == [topic, text]
    assert isinstance(handler.root_topic, str)


def test_the_topic_can_change(heard):
    logger, handler, sub = heard(root_topic="before")
    handler.root_topic = b"after"
    assert handler.root_topic == "after"
    logger.info("x")
    handler.setRootTopic("")
    logger.info("x")
    assert [next_of(sub)[0] for _ in range(2)] == [b"after.INFO", b"INFO"]


def test_only_the_subscribed_level_arrives(heard, make_socket):
    logger, handler, _ = heard(root_topic="root")
    sub = make_socket(zmq.SUB, connect=handler.socket.last_endpoint.decode(), subscribe=b"root.WARNING")
    handler.socket.wait_for_subscribers(2, topic=b"root.WARNING", timeout=10)
    logger.info("no")
    logger.warning("yes")
    assert next_of(sub)[0] == b"root.WARNING"


def test_the_arguments_come_after_the_topic_was_taken_off(heard):
    logger, _, sub = heard()
    logger.info("sub::%s", "not::a topic")
    assert next_of(sub) == [b"INFO.sub", b"not::a topic\n"]


def test_other_handlers_see_the_record_as_it_was_logged(heard):
    logger, _, sub = heard()
    seen = []
    other = logging.Handler()
    other.emit = lambda record: seen.append(record.getMessage())
    logger.addHandler(other)
    logger.info("sub::%d", 5)
    assert next_of(sub) == [b"INFO.sub", b"5\n"]
    assert seen == ["sub::5"]


def test_a_message_may_be_anything_that_has_a_text(heard):
    class Message:
        def __str__(self):
            return "sub::text"

    logger, _, sub = heard()
    logger.info(Message())
    logger.info(42)
    assert [next_of(sub), next_of(sub)] == [[b"INFO.sub", b"text\n"], [b"INFO", b"42\n"]]


def test_formatters(heard):
    logger, handler, sub = heard()
    handler.setFormatter(logging.Formatter("all %(message)s"))
    handler.setFormatter(logging.Formatter("info %(message)s"), logging.INFO)
    handler.formatters[logging.ERROR] = None
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "x")
    assert [next_of(sub)[1] for _ in range(5)] == [b"all x", b"info x", b"all x", b"x", b"all x"]


def test_a_level_of_ones_own_takes_the_formatter_below_it(heard):
    logger, handler, sub = heard()
    logger.setLevel(1)
    logger.log(logging.INFO + 5, "notice")
    assert next_of(sub) == [b"Level 25", b"notice\n"]
    logger.log(1, "trace")
    assert next_of(sub) == [b"Level 1", f"Level 1 {THIS}:{line_here() - 1} - trace\n".encode()]
    handler.setFormatter(logging.Formatter("mine %(message)s"), 25)
    logger.log(27, "notice")
    logger.log(30, "warning")
    assert next_of(sub)[1] == b"mine notice"
    assert next_of(sub)[1].startswith(b"WARNING")


@pytest.mark.parametrize(("message", "args"), [("%d", ("x",)), ("lone \ud800", ()), ("%s %s", (1,))])
def test_what_cannot_be_formatted_is_reported_and_stops_nobody(heard, capsys, message, args):
    logger, _, sub = heard()
    logger.info(message, *args)
    assert "--- Logging error ---" in capsys.readouterr().err
    logger.info("next")
    assert next_of(sub) == [b"INFO", b"next\n"]


def test_a_closed_socket_is_told(heard):
    logger, handler, _ = heard()
    handler.socket.close()
    with pytest.raises(zmq.ZMQError, match="closed"):
        logger.info("x")


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # of a program with threads, from Python 3.12 on
def test_a_child_may_log(heard, capfd):
    logger, _, sub = heard()
    child = os.fork()
    if child == 0:
        try:
            logger.info("from the child")
            os._exit(7)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 7
    assert "ForkedProcessError" in capfd.readouterr().err
    logger.info("from the parent")
    assert next_of(sub) == [b"INFO", b"from the parent\n"]


def test_an_interface_is_bound_in_a_context_of_its_own(ctx, make_socket):
    handler = PUBHandler("tcp://127.0.0.1:*", root_topic="root")
    assert handler.ctx is handler.socket.context
    assert handler.ctx is not zmq.Context.instance()
    sub = make_socket(zmq.SUB, connect=handler.socket.last_endpoint.decode(), subscribe=b"")
    handler.socket.wait_for_subscribers(1, timeout=10)
    handler.emit(logging.makeLogRecord({"msg": "x", "levelno": logging.INFO, "levelname": "INFO"}))
    assert next_of(sub) == [b"root.INFO", b"x\n"]
    handler.close()
    assert not handler.socket.closed
    handler.ctx.destroy(linger=0)


def test_an_interface_is_bound_in_the_given_context(ctx):
    handler = PUBHandler("inproc://log", ctx)
    assert handler.ctx is handler.socket.context is ctx
    assert handler.socket.type == zmq.PUB


def test_an_interface_that_cannot_be_bound_leaves_nothing_open(ctx):
    first = PUBHandler("tcp://127.0.0.1:*", ctx)
    for wrong in (first.socket.last_endpoint.decode(), "no endpoint"):
        with pytest.raises(zmq.ZMQError):
            PUBHandler(wrong, ctx)
    with pytest.raises(TypeError):
        PUBHandler(5, ctx)
    assert [socket for socket in ctx._sockets if not socket.closed] == [first.socket]


def test_dict_config(channel):
    pub, sub = channel
    where = {
        "class": "brokerless.log.handlers.PUBHandler",
        "formatter": "short",
        "interface_or_socket": pub,
        "root_topic": "root",
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "short %(message)s"}},
            "handlers": {"zmq": where},
            "loggers": {"configured": {"level": "INFO", "handlers": ["zmq"], "propagate": False}},
        }
    )
    logger = logging.getLogger("configured")
    logger.warning("x")
    assert next_of(sub) == [b"root.WARNING", b"short x"]
    logger.handlers.clear()


# TopicLogger


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", "DEBUG"),
        ("info", "INFO"),
        ("warning", "WARNING"),
        ("warn", "WARNING"),
        ("error", "ERROR"),
        ("critical", "CRITICAL"),
        ("fatal", "CRITICAL"),
    ],
)
def test_a_topic_logger_logs_at_each_level_and_says_where(heard, method, level):
    logger, handler, sub = heard(TopicLogger)
    handler.setFormatter(logging.Formatter("%(filename)s:%(lineno)d %(funcName)s %(message)s"))
    getattr(logger, method)("sub.deep", "%d of %d", 1, 2)
    here = f"{THIS}:{line_here() - 1} test_a_topic_logger_logs_at_each_level_and_says_where 1 of 2"
    assert next_of(sub) == [f"{level}.sub.deep".encode(), here.encode()]


def test_a_topic_logger_logs_at_any_level(heard):
    logger, handler, sub = heard(TopicLogger)
    handler.setFormatter(logging.Formatter("%(lineno)d %(message)s"))
    logger.log(logging.WARNING, "sub", "%s", "x")
    assert next_of(sub) == [b"WARNING.sub", b"%d x" % (line_here() - 1)]

    def on_behalf():
        logger.info("sub", "x", stacklevel=2)

    on_behalf()
    assert next_of(sub) == [b"INFO.sub", b"%d x" % (line_here() - 1)]


def test_a_topic_logger_logs_exceptions(heard):
    logger, _, sub = heard(TopicLogger)
    try:
        raise KeyError("k")
    except KeyError:
        logger.exception("sub", "lost")
        logger.exception("sub", "lost", exc_info=False)
    topic, text = next_of(sub)
    assert topic == b"ERROR.sub"
    assert b"Traceback" in text
    assert b"Traceback" not in next_of(sub)[1]


def test_a_topic_logger_heeds_its_level(heard):
    logger, _, sub = heard(TopicLogger)
    logger.setLevel(logging.WARNING)
    logger.info("sub", "no")
    logger.error("sub", "yes")
    assert next_of(sub)[0] == b"ERROR.sub"


def test_a_topic_logger_needs_a_topic_and_a_message():
    with pytest.raises(TypeError):
        TopicLogger("x").info("only one")


# python -m brokerless.log


def lines(options, *messages):
    printer = watcher._Printer(watcher._parser().parse_args(["inproc://x", *options]))
    return [printer.line(message) for message in messages]


def test_a_line():
    assert lines([], [b"root.INFO", b"text\n"]) == ["root.INFO | text"]
    assert lines(["--separator", ": "], [b"INFO", b"text\n"]) == ["INFO: text"]
    assert lines([], [b"INFO", b"\xff"], [b"INFO"], [b"a", b"b", b"c"]) == ["INFO | \\xff", "INFO | ", "a | b c"]


def test_a_timestamp():
    assert lines(["--timestamp", "--dateformat", "then"], [b"INFO", b"text"]) == ["then INFO | text"]
    (line,) = lines(["--timestamp"], [b"INFO", b"text"])
    assert line[4] == line[7] == "-"
    assert line[13] == ":"


def test_aligned_topics_grow():
    assert lines(["--align"], [b"r.INFO", b"1"], [b"r.WARNING.s", b"2"], [b"r.INFO", b"3"], [b"x", b"4"]) == [
        "r.INFO | 1",
        "r.WARNING.s | 2",
        "r.INFO   .  | 3",
        "x.       .  | 4",
    ]


@pytest.mark.parametrize("topic", [b"WARNING", b"WARNING.sub", b"a.b.WARNING.sub"])
def test_a_colour_for_the_level(topic):
    plain, no_level = lines(["--color"], [topic, b"x"], [b"topic", b"x"])
    assert plain == f"\x1b[33m{topic.decode()} | x\x1b[39m"
    assert no_level == "topic | x\x1b[39m"


@pytest.fixture
def watching():
    """watching(options): the program, running; ended after the test."""
    running = []

    def start(*options):
        program = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "brokerless.log", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf8",
        )
        running.append(program)
        return program

    yield start
    for program in running:
        program.kill()
        program.communicate()


def test_the_program_shows_what_is_logged_until_it_is_interrupted(watching, make_socket):
    handler = PUBHandler(make_socket(zmq.PUB, bind="tcp://127.0.0.1:*"), root_topic="root")
    program = watching(handler.socket.last_endpoint.decode(), "-t", "root.WARN", "--separator", " > ")
    handler.socket.wait_for_subscribers(1, topic=b"root.WARN", timeout=20)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    logger.info("no")
    logger.warning("sub::yes \xe9")
    assert program.stdout.readline().startswith("root.WARNING.sub > WARNING ")
    program.send_signal(signal.SIGINT)
    assert program.wait(20) == 0
    assert program.communicate() == ("", "")


def test_the_program_ends_when_nobody_reads_it(watching, make_socket):
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    program = watching(pub.last_endpoint.decode())
    pub.wait_for_subscribers(1, timeout=20)
    program.stdout.close()
    pub.send_multipart([b"INFO", b"x"])
    assert program.wait(20) == 0
    assert program.stderr.read() == ""


def test_the_program_refuses_what_is_no_endpoint(watching):
    program = watching("localhost:5558")
    _, told = program.communicate(timeout=20)
    assert program.returncode == 2
    assert "error: " in told
    assert "Traceback" not in told
