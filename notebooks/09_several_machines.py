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
# # 9. Several machines: which address, and who binds?
#
# **You will** find the addresses of your machine, try out which of them can be reached from where, and leave with a checklist for two boards. All
# that runs here runs on one machine: the loopback network has enough addresses to play several.
#
# **You will learn**
# - which address to write where: loopback, cable, router, VPN;
# - what `*` and the names of network interfaces mean, and why they are for `bind` only;
# - who binds and who connects, when the machines are not alike;
# - how to tell "wrong address", "nobody there" and "firewall" from each other.
#
# **You need** lessons 2 and 5. About 30 minutes, and later two boards.

# %% [markdown]
# ## One machine, many addresses
#
# Somebody who wants to reach you uses the address of the road between you. A board with a cable, a wireless network and a VPN has one address on each
# of these roads, and one more that leads from itself to itself.
#
# ![A board that binds to every address; a notebook, a laptop, another board and a server far away each use another one](images/machines.svg)
#
# | The other side is | Use this address of the machine that binds | Looks like | How to find it |
# |---|---|---|---|
# | on the same machine | loopback | `127.0.0.1` | always the same |
# | at the other end of an ethernet or USB cable | the one on the cable | `10.42.0.1`, `192.168.55.1`, `169.254.7.3` | `ip -brief addr` |
# | on the same router (cable or wireless) | the one that the router gave | `192.168.1.20`, `10.0.0.7` | `ip -brief addr`, or the router's list |
# | in the same VPN | the virtual one | `100.64.0.7`, `10.8.0.2` | the VPN's own status command |
# | anywhere in the world | the public one, of a server that has one | `203.0.113.9` | whoever runs the server |
#
# A board at home has no public address of its own: the router has it, and lets nobody in who was not invited. If two boards at two homes must talk,
# put both into a VPN, or let both *connect* to a third machine that can be reached: a [device](05_queue_device.ipynb) with a fixed address.

# %%
import ipaddress
import os
import socket as network
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine that binds, as seen from the one that connects
PORT = 5556
SECOND_PORT = 5557

# %%
TIMEOUT = 10             # seconds; nothing here waits forever
context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor(16)

# %% [markdown]
# ## What are my addresses?
#
# In a terminal, `ip -brief addr` shows all (on a Mac `ifconfig`, on Windows `ipconfig`). From Python, the most useful question is a different one:
# *which of my addresses would be used on the road to that machine?* The operating system knows. We ask it by connecting a UDP socket, which sends
# nothing at all; it only makes the system choose the road.

# %%
def my_address_towards(other):
    """This machine's address on the road to `other`; None if there is no road."""
    with network.socket(network.AF_INET, network.SOCK_DGRAM) as probe:
        try:
            probe.connect((other, 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def kind_of(address):
    """What an address is good for, in words."""
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        return "loopback: this machine only"
    if ip.is_link_local:
        return "link-local: this cable only"
    if ip in ipaddress.ip_network("100.64.0.0/10"):
        return "shared: a provider's network or a VPN"
    if ip.is_private:
        return "private: this house, or a VPN"
    return "public: the whole world"


print("interfaces:", [name for _, name in network.if_nameindex()])
for other in (HOST, "192.168.1.1", "10.42.0.1", "8.8.8.8"):
    mine = my_address_towards(other)
    print(f"towards {other:12} I am {mine or 'nobody: no road'}" + (f" ({kind_of(mine)})" if mine else ""))

assert my_address_towards("127.0.0.1") == "127.0.0.1"
assert kind_of("169.254.7.3").startswith("link-local") and kind_of("192.168.1.20").startswith("private")
assert kind_of("100.64.0.7").startswith("shared") and kind_of("8.8.8.8").startswith("public")

# %% [markdown]
# ## `bind`: which doors do I open?
#
# `bind` takes an address *of this machine*. You have three ways to say which:
#
# | | Opens the port on | For |
# |---|---|---|
# | `tcp://*:5556` | all addresses | the usual case in a network that you trust |
# | `tcp://127.0.0.1:5556` | this one | programs on this machine only; nobody else can even try |
# | `tcp://eth0:5556` | whatever address the interface `eth0` has now | a board whose address changes, on one network only |
#
# To see the difference we need a second address. On Linux the whole block from 127.0.0.1 to 127.255.255.254 is loopback, so 127.0.0.2 can play a
# second machine. (Macs have only the first one, unless told otherwise, so there we skip what needs two.)

# %%
def can_reach(kind, endpoint, patience=TIMEOUT):
    """Whether a socket of this kind gets a connection to `endpoint` within `patience` seconds."""
    with context.socket(kind) as socket:
        socket.connect(endpoint)
        try:
            return socket.wait_for_peers(1, timeout=patience) > 0
        except zmq.Again as reason:
            print("   ", reason)
            return False


def has_address(address):
    with network.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


TWO_ADDRESSES = has_address("127.0.0.2")

for bound_to in ("*", "127.0.0.1", "127.0.0.2") if TWO_ADDRESSES else ("*", "127.0.0.1"):
    with context.socket(zmq.REP) as server:
        server.bind(f"tcp://{bound_to}:{PORT}")
        for address in ("127.0.0.1", "127.0.0.2"):
            open_here = bound_to in ("*", address) and (address == "127.0.0.1" or TWO_ADDRESSES)
            reached = can_reach(zmq.REQ, f"tcp://{address}:{PORT}", TIMEOUT if open_here else 0.3)
            print(f"bound to {bound_to:10} reached at {address}: {reached}")
            assert reached == open_here

# %% [markdown]
# Note how a wrong address looks: like silence. `connect` does not fail when nobody is there, the library keeps trying, because whom you wait for may
# come later. That is good for boards that start in any order, and confusing when you have mistyped the address. `wait_for_peers` with a timeout is
# the way to notice.
#
# ### By the name of an interface
#
# The loopback interface is called `lo` on Linux. Instead of a port, `*` asks for any free one, and `last_endpoint` tells which it became. It also
# shows what the name was resolved to.

# %%
loopback = next(name for _, name in network.if_nameindex() if name in ("lo", "lo0"))
with context.socket(zmq.REP) as server:
    server.bind(f"tcp://{loopback}:*")
    resolved = server.last_endpoint.decode()
    reached = can_reach(zmq.REQ, resolved)
print(f"tcp://{loopback}:* became {resolved}")
assert resolved.startswith("tcp://127.0.0.1:") and reached

# %% [markdown]
# ## `connect`: where do I want to go?
#
# `connect` takes the address *of the other machine*. There `*` makes no sense, since you cannot go to "everywhere", and brokerless says so. A name
# works if it can be looked up: `localhost`, or `board-a.local` on networks with mDNS (most Linux boards and Macs).

# %%
with context.socket(zmq.REQ) as client:
    try:
        client.connect(f"tcp://*:{PORT}")
        refused = False
    except zmq.ZMQError as reason:
        refused = True
        print(reason)
assert refused

with context.socket(zmq.REP) as server:
    server.bind(f"tcp://*:{PORT}")
    assert can_reach(zmq.REQ, f"tcp://localhost:{PORT}")

# %% [markdown]
# ## Who binds, who connects?
#
# Any pattern works either way round. The question is only which machine can be found. Ask in this order:
#
# 1. **Who can be reached at all?** Behind a router's firewall, or with an address that changes, you can only connect.
# 2. **Who stays?** The machine that is always on binds; those that come and go connect. A thermometer connects to the collector, not the other way
#    round.
# 3. **Who are many?** One binds, many connect. Then only one address has to be known.
#
# If nobody qualifies on either side, a device with a fixed address does, and both sides connect to it.
#
# ## Doors of other kinds
#
# A socket may have several doors at once. `inproc` leads to threads of the same program (with the same context), `ipc` to other programs on the same
# machine by way of a file, `tcp` to everybody. The server below offers all three and does not notice through which one a question came. Between
# programs on one board `ipc` spares you ports and firewalls.

# %%
def answer(endpoints, ready, count):
    with context.socket(zmq.REP) as server:
        for endpoint in endpoints:
            server.bind(endpoint)
        ready.append(server.endpoints)
        for _ in range(count):
            server.send(server.recv(timeout=TIMEOUT).upper())


ROUNDS = 300
times = {}
with tempfile.TemporaryDirectory() as folder:
    doors = [f"tcp://{HOST}:{PORT}", "ipc://" + os.path.join(folder, "door"), "inproc://door"]
    ready = []
    server = background.submit(answer, doors, ready, ROUNDS * len(doors))
    for endpoint in doors:
        with context.socket(zmq.REQ) as client:
            client.connect(endpoint)
            client.wait_for_peers(1, timeout=TIMEOUT)
            started = time.perf_counter()
            for _ in range(ROUNDS):
                client.send(b"hello")
                assert client.recv(timeout=TIMEOUT) == b"HELLO"
            times[endpoint.split(":")[0]] = time.perf_counter() - started
    server.result(timeout=TIMEOUT)

print("the server was at", *ready[0])
for door, seconds in times.items():
    print(f"{door:7} {seconds / ROUNDS * 1e6:6.0f} us for a question and its answer")
assert len(ready[0]) == 3 and set(times) == {"tcp", "ipc", "inproc"}

# %% [markdown]
# ## Nothing arrives! Which of the three is it?
#
# Below ZeroMQ there is plain tcp, and plain tcp answers the most important question in a second. Three outcomes, three causes:
#
# | Trying to connect | means | Look at |
# |---|---|---|
# | works | somebody listens at this address and port | your patterns: does PUB meet SUB, is the topic right, has the other side subscribed? |
# | is refused | the machine is there, the door is not | is the program running? bound to 127.0.0.1 instead of `*`? another port? |
# | times out | nothing comes back at all | wrong address, other network, machine off, or a **firewall** that drops silently |

# %%
def probe(host, port, patience=1.0):
    """What plain tcp says about a door: "open", "refused", or "no answer"."""
    try:
        network.create_connection((host, port), timeout=patience).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError:                                # includes the timeout, and "no road to that host"
        return "no answer"
    return "open"


with context.socket(zmq.REP) as server:
    server.bind(f"tcp://127.0.0.1:{PORT}")
    findings = probe("127.0.0.1", PORT), probe("127.0.0.1", SECOND_PORT)
after_close = probe("127.0.0.1", PORT)

print("bound:", findings[0], "- not bound:", findings[1], "- after close:", after_close)
assert findings == ("open", "refused") and after_close == "refused"

# %% [markdown]
# In a terminal, the same on the machine that connects, and then a look at the machine that binds:
#
#     nc -vz 192.168.1.20 5556          # open, refused, or a long silence
#     ping 192.168.1.20                 # is the machine there at all?
#     ss -ltn                           # on the other one: who listens, and on which address?
#
# `127.0.0.1:5556` in the last list means this machine only, `0.0.0.0:5556` or `*:5556` means everybody.
#
# ### Firewalls
#
# A firewall needs a rule on the machine that **binds**, for each port that is bound. Those who connect usually need none. A device has two ports, so
# it needs two rules. On Ubuntu and Jetson boards, for one network only:
#
#     sudo ufw allow from 192.168.1.0/24 to any port 5559,5560 proto tcp
#
# One warning. ZeroMQ does not ask who you are unless you tell it to: whoever reaches a bound port may talk to it, and what travels is not encrypted.
# In a network that you don't trust, bind to the address of a VPN or to 127.0.0.1, not to `*`.
#
# ## Two boards: the checklist
#
# 1. Decide who binds (who stays, who can be reached). Call it A.
# 2. On A: `ip -brief addr`. Take the address on the road to B.
# 3. On B: `ping` that address. No answer? Cable, wireless, VPN: mend that first.
# 4. On A: bind to `tcp://*:PORT`. Start the role notebook, for example [queue_device](roles/queue_device.ipynb).
# 5. On B: `probe(address, PORT)` from above. Refused: look at A's program. No answer: look at A's firewall.
# 6. On B: set `HOST` to A's address in the role notebook's parameters, and nothing else. Run it.
# 7. Still silent? `socket.peers` on both sides shows who is connected; `socket.stats` shows whether anything was sent.
# 8. When it works, write A's address down, or ask the router to give A the same one each time.

# %%
from brokerless.course import report

report("Addresses", messages=2 * ROUNDS * len(times), seconds=sum(times.values()))

# %% [markdown]
# ## Exercises
#
# **1.** Two machines may use the same port number, since each has its own address. Let two servers bind to the same port on 127.0.0.1 and 127.0.0.2,
# and one client connect to both. Who answers?

# %% tags=["solution"]
if TWO_ADDRESSES:
    board_a = background.submit(answer, [f"tcp://127.0.0.1:{PORT}"], [], 2)
    board_b = background.submit(answer, [f"tcp://127.0.0.2:{PORT}"], [], 2)
    with context.socket(zmq.REQ) as client:
        client.connect(f"tcp://127.0.0.1:{PORT}")
        client.connect(f"tcp://127.0.0.2:{PORT}")
        client.wait_for_peers(2, timeout=TIMEOUT)
        answers = [client.request(b"who?", timeout=TIMEOUT) for _ in range(4)]
    board_a.result(timeout=TIMEOUT)                # each has had its two questions, or this would fail
    board_b.result(timeout=TIMEOUT)
    assert answers == [b"WHO?"] * 4

# %% [markdown]
# **2.** For each pair, who binds? (a) Fifty sensors behind mobile routers, one server with a public address. (b) A robot that moves between networks,
# and a laptop that shows its camera. (c) Two programs on one board.

# %% [markdown] tags=["solution"]
# (a) The server: it is the only one that can be reached, it stays, and the sensors are many. (b) Neither can be found reliably. Put both into a VPN,
# which gives each a fixed address, and let the robot bind; or let both connect to a device on a machine that stays. (c) Either. Take `ipc://` or
# `tcp://127.0.0.1`, so that nobody from outside can reach it.

# %% [markdown]
# **3.** Two sites, each with its own network, and one line between them. Site B's clients know only B's device, which passes everything on to A's
# device. Build it with two Queues and play the sites with 127.0.0.1 and 127.0.0.2. (An endpoint with `>` in front is connected, not bound.)

# %% tags=["solution"]
SITE_B = "127.0.0.2" if TWO_ADDRESSES else "127.0.0.1"
with zmq.Queue(f"tcp://127.0.0.1:{PORT}", "tcp://127.0.0.1:*") as site_a:
    with zmq.Queue(f"tcp://{SITE_B}:{SECOND_PORT}", f">tcp://127.0.0.1:{PORT}") as site_b:
        with context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
            server.connect(site_a.backend_endpoint)
            client.connect(f"tcp://{SITE_B}:{SECOND_PORT}")
            client.send(b"hello, other site")
            server.send(server.recv(timeout=TIMEOUT).upper())
            print(client.recv(timeout=TIMEOUT))
assert site_a.stats.frontend_messages == site_b.stats.backend_messages == 1

# %% [markdown]
# **4.** Write `explain(host, port)`, which says in one sentence what to look at when nothing arrives.

# %% tags=["solution"]
def explain(host, port):
    return {
        "open": f"Somebody listens at {host}:{port}. Look at your patterns and topics.",
        "refused": f"{host} is there, but nobody listens on port {port}. Is the program running, and bound to * rather than 127.0.0.1?",
        "no answer": f"Nothing comes back from {host}. Is the address right, are you on the same network, is there a firewall?",
    }[probe(host, port)]


print(explain("127.0.0.1", PORT))
assert "nobody listens" in explain("127.0.0.1", PORT)

# %%
background.shutdown()
context.term()
