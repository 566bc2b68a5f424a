# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1. PAIR: a line between two
#
# **You will** let a server and a client greet each other in turn, watch messages pile up when one side talks more than the
# other listens, and find out what happens to a third one who wants to join.
#
# **You will learn**
# - how PAIR works and when `send` waits;
# - why every `send` needs a `recv` somewhere;
# - where the limits of PAIR are, and which pattern to use beyond them.
#
# **You need** [lesson 0](00_start.ipynb). About 20 minutes. To play it with two notebooks, open
# [roles/pair_server](roles/pair_server.ipynb) and [roles/pair_client](roles/pair_client.ipynb).
#
# ![A server that binds and a client that connects, with messages in both directions](images/pair.svg)

# %% [markdown]
# A PAIR socket talks to exactly one other PAIR socket. Messages go both ways, and either side may speak at any time: there is
# no question and answer, no order that the library would enforce. It is the pattern closest to a plain network connection, with
# whole messages and a queue added.

# %%
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"
PORT = 5556
ROUNDS = 5
MEASURED_ROUNDS = 2_000

# %% [markdown]
# ## Server and client
#
# The server binds, because its address is the one that stays. In each round it greets and then waits for the answer.
# `tcp://*:5556` means: port 5556 on every network card of this machine.
#
# `profile="classroom"` gives the sockets of a context defaults that forgive: a peer whose cable was pulled is noticed, and nothing waits for it forever
# at the end. In a program of your own, `zmq.Context()` will do. They all stand in docs/security.md.

# %%
TIMEOUT = 10  # seconds; long enough for a slow board, and nothing here waits forever
context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor()


def pair_server(port, rounds):
    """Greets and listens, in turn. Returns what it heard."""
    heard = []
    with context.socket(zmq.PAIR) as socket:
        socket.bind(f"tcp://*:{port}")
        for number in range(rounds):
            socket.send_string(f"greeting {number} from the server", timeout=TIMEOUT)
            heard.append(socket.recv_string(timeout=TIMEOUT))
    return heard


# %% [markdown]
# The client connects to the server's address. It listens first, then answers: the opposite order. If both began with `recv`,
# each would wait for the other, and nothing would ever move.


# %%
def pair_client(host, port, rounds):
    """Listens and answers, in turn. Returns what it heard."""
    heard = []
    with context.socket(zmq.PAIR) as socket:
        socket.connect(f"tcp://{host}:{port}")
        for number in range(rounds):
            heard.append(socket.recv_string(timeout=TIMEOUT))
            socket.send_string(f"answer {number} from the client", timeout=TIMEOUT)
    return heard


# %% [markdown]
# Now both: the server in the background, the client here. With two notebooks, or on two boards, you would run one function in
# each, and the client's `HOST` would be the address of the server's board.

# %%
server = background.submit(pair_server, PORT, ROUNDS)
heard_by_client = pair_client(HOST, PORT, ROUNDS)
heard_by_server = server.result(timeout=TIMEOUT)

for greeting, answer in zip(heard_by_client, heard_by_server):
    print(f"{greeting}  ->  {answer}")

assert heard_by_client == [f"greeting {number} from the server" for number in range(ROUNDS)]
assert heard_by_server == [f"answer {number} from the client" for number in range(ROUNDS)]

# %% [markdown]
# ## When does `send` wait?
#
# `send` puts a message into a queue, and each connection has its own. So the question is: is there a queue yet?
#
# - The side that **connects** knows where it wants to go. Its queue exists at once, and `send` returns at once, even if nobody
#   is there yet.
# - The side that **binds** does not know who will come. Until somebody does, there is no queue, and `send` waits. That is why
#   the server loses no greeting while it is alone.

# %%
with context.socket(zmq.PAIR) as server_side, context.socket(zmq.PAIR) as client_side:
    server_side.bind(f"tcp://*:{PORT}")
    try:
        server_side.send_string("hello?", timeout=0.2)
        had_to_wait = False
    except zmq.Again as reason:
        had_to_wait = True
        print("the server alone:", reason)

    client_side.connect(f"tcp://{HOST}:{PORT}")
    server_side.wait_for_peers(1, timeout=TIMEOUT)
    server_side.send_string("hello!", timeout=TIMEOUT)
    greeting = client_side.recv_string(timeout=TIMEOUT)
    print("with a client:", greeting)

assert had_to_wait
assert greeting == "hello!"

# %% [markdown]
# `wait_for_peers(1)` returns as soon as one peer has connected. There is no need to guess a number of seconds for `time.sleep`.
#
# ## Count your messages
#
# PAIR does not force you to take turns. So it does not notice either when one side says more than the other listens to. Here a
# client answers each greeting twice, and the server listens once per round. Nothing fails; the messages pile up in the server's
# queue.

# %%
with context.socket(zmq.PAIR) as server_side, context.socket(zmq.PAIR) as talkative:
    server_side.bind(f"tcp://*:{PORT}")
    talkative.connect(f"tcp://{HOST}:{PORT}")

    answers = []
    for number in range(ROUNDS):
        server_side.send_string(f"greeting {number}", timeout=TIMEOUT)
        talkative.recv_string(timeout=TIMEOUT)
        talkative.send_string(f"answer {number}, first part")
        talkative.send_string(f"answer {number}, second part")
        answers.append(server_side.recv_string(timeout=TIMEOUT))

    print(f"in round {ROUNDS - 1} the server reads: {answers[-1]!r}")
    behind = talkative.stats.messages_sent - server_side.stats.messages_received
    print(f"{behind} messages are still in the queue")

    left_over = [server_side.recv_string(timeout=TIMEOUT) for _ in range(behind)]

# In the last round the server is still busy with an answer from the middle of the conversation.
assert answers[-1] == f"answer {(ROUNDS - 1) // 2}, " + ("first part" if ROUNDS % 2 else "second part")
assert behind == ROUNDS
assert left_over[-1] == f"answer {ROUNDS - 1}, second part"

# %% [markdown]
# A queue takes about a thousand messages on each side (the option is called the *high-water mark*). After that the talkative
# client's `send` waits, and if the server waits as well, both stand still. The cure is a rule for the conversation: who speaks
# when, and how many messages make a turn.
#
# ## Only two
#
# PAIR means two. What if a second client connects? It is not told "no": its connection is accepted and then ignored, and what
# it sends goes nowhere.

# %%
server_side, first, second = (context.socket(zmq.PAIR) for _ in range(3))
with server_side, first, second:
    server_side.bind(f"tcp://*:{PORT}")

    first.connect(f"tcp://{HOST}:{PORT}")
    first.send_string("first is here")
    heard = [server_side.recv_string(timeout=TIMEOUT)]  # from now on the server belongs to `first`

    second.connect(f"tcp://{HOST}:{PORT}")
    second.send_string("second is here")
    try:
        heard.append(server_side.recv_string(timeout=0.5))
    except zmq.Again:
        print("nothing from the second one")

    first.send_string("first again")
    heard.append(server_side.recv_string(timeout=TIMEOUT))
    second.linger = 0  # closing does not try to deliver what nobody will take

print(heard)
assert heard == ["first is here", "first again"]

# %% [markdown]
# For several clients use REQ/REP (lesson 2), for an audience PUB/SUB (lesson 3), for a team of workers PUSH/PULL (lesson 4).
#
# More limits, so that they don't surprise you on the boards:
#
# - **One at a time, and no hurry.** When the client leaves, another may take its place, but only after the server has noticed
#   that the first one is gone. A client that comes a moment too early is ignored like the second one above. For visitors who
#   come and go, PAIR is the wrong pattern.
# - **A message on its way can be lost.** If the other side ends, what was in its queue or on the line is gone. Nobody is told.
#   A PAIR that connects does try again when its server comes back, but do not build on it: ZeroMQ's own manual recommends PAIR
#   for threads within one program (`inproc://`), and the other patterns for a network.
# - **No addresses.** The server cannot see who wrote. With one peer that is no loss.
# - **Not every transport.** PAIR runs over tcp, ipc and inproc. UDP is not among them: ZeroMQ has it only for the RADIO and
#   DISH sockets, and a PAIR socket refuses such an address.

# %%
with context.socket(zmq.PAIR) as socket:
    try:
        socket.bind(f"udp://*:{PORT}")
        refused = False
    except zmq.ZMQError as reason:
        refused = reason.errno == zmq.ENOCOMPATPROTO
        print(reason)
assert refused

# %% [markdown]
# ## How fast is it?
#
# One round is two messages, and nobody can start the next message before the last one has arrived. So this measures the time
# there and back, not how much could go through.

# %%
server = background.submit(pair_server, PORT, MEASURED_ROUNDS + 1)
with context.socket(zmq.PAIR) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    client.recv(timeout=TIMEOUT)  # one round to get connected, not counted
    client.send(b"ready")

    started = time.perf_counter()
    for _ in range(MEASURED_ROUNDS):
        client.recv(timeout=TIMEOUT)
        client.send(b"answer")
    heard = server.result(timeout=TIMEOUT)
    elapsed = time.perf_counter() - started

print(f"there and back in {elapsed / MEASURED_ROUNDS * 1e6:.0f} microseconds")
assert len(heard) == MEASURED_ROUNDS + 1

# %%
from brokerless.course import report

report("PAIR", messages=2 * MEASURED_ROUNDS, seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1. Guess my number.** The server thinks of a number from 1 to 100. The client guesses; the server answers "higher", "lower"
# or "yes". Let the client find it in at most seven guesses.


# %% tags=["solution"]
def number_server(secret):
    with context.socket(zmq.PAIR) as socket:
        socket.bind(f"tcp://*:{PORT}")
        for guesses in range(1, 101):
            guess = int(socket.recv_string(timeout=TIMEOUT))
            socket.send_string("yes" if guess == secret else "higher" if guess < secret else "lower")
            if guess == secret:
                return guesses


server = background.submit(number_server, 73)
with context.socket(zmq.PAIR) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    low, high, reply = 1, 100, ""
    while reply != "yes":
        guess = (low + high) // 2  # the middle halves what is left each time
        client.send_string(str(guess))
        reply = client.recv_string(timeout=TIMEOUT)
        low = guess + 1 if reply == "higher" else low
        high = guess - 1 if reply == "lower" else high

print(f"{guess}, after {server.result(timeout=TIMEOUT)} guesses")
assert guess == 73
assert server.result() <= 7

# %% [markdown]
# **2. Both speak at once.** Let both sides send five messages before either of them listens. Does it work? Why, or why not?

# %% tags=["solution"]
# It works: each direction has a queue of its own, and five messages fit easily.
with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
    one.bind(f"tcp://*:{PORT}")
    other.connect(f"tcp://{HOST}:{PORT}")
    one.wait_for_peers(1, timeout=TIMEOUT)
    for number in range(5):
        one.send_json(number)
        other.send_json(-number)
    at_one = [one.recv_json(timeout=TIMEOUT) for _ in range(5)]
    at_other = [other.recv_json(timeout=TIMEOUT) for _ in range(5)]

assert at_one == [0, -1, -2, -3, -4]
assert at_other == [0, 1, 2, 3, 4]

# %% [markdown]
# **3. Between threads.** Run the greeting over `inproc://greeting` instead of tcp, and measure it again. How much of the time
# above was the network?


# %% tags=["solution"]
def echo_inside(rounds):
    with context.socket(zmq.PAIR) as socket:
        socket.connect("inproc://greeting")
        for _ in range(rounds):
            socket.send(socket.recv(timeout=TIMEOUT))


with context.socket(zmq.PAIR) as socket:
    socket.bind("inproc://greeting")
    echo = background.submit(echo_inside, MEASURED_ROUNDS)
    started = time.perf_counter()
    for _ in range(MEASURED_ROUNDS):
        socket.send(b"hello", timeout=TIMEOUT)
        assert socket.recv(timeout=TIMEOUT) == b"hello"
    inside = time.perf_counter() - started
    echo.result(timeout=TIMEOUT)

for name, seconds in (("inproc", inside), ("tcp", elapsed)):
    print(f"{name}: {seconds / MEASURED_ROUNDS * 1e6:.0f} microseconds there and back")

# %% [markdown]
# **4. Two boards.** Open `roles/pair_server` on one machine and `roles/pair_client` on another, set `HOST`, and run them. Start
# the client first, then try it the other way round. What does each one do while the other is missing?

# %% [markdown] tags=["solution"]
# Both orders work. The client connects to a door that does not exist yet and keeps trying; its `recv` waits up to `TIMEOUT`
# seconds. The server has no queue before a client comes, so its `send` waits, up to `TIMEOUT` seconds too. After that each of
# them ends with `zmq.Again`.

# %%
background.shutdown()
context.term()
