"""Security in three lines: keys that are made and kept, and sockets that let in whom they know.

    keys = zmq.Keys.load("server")                                  # made at the first call
    zmq.secure(server, keys, clients={"anna": annas_public_key})    # before bind()
    zmq.secure(client, zmq.Keys.load("anna"), server_key=servers_public_key)  # before connect()

All of it is libzmq's CURVE (RFC 25, 26) with a ZAP handler (RFC 27): peers may run pyzmq, or anything that speaks ZMTP 3.
"""

from __future__ import annotations

from .clients import ANYONE
from .gate import Gate, Refused
from .keys import Keys
from .secure import secure

__all__ = ["ANYONE", "Gate", "Keys", "Refused", "secure"]
