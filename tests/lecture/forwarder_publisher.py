"""Publishes news on the topics 1 to 9, signed, to a forwarder device, until its standard input ends.

forwarder_publisher.py PORT
"""

import random
import select
import sys

import zmq

port = int(sys.argv[1])
context = zmq.Context()
socket = context.socket(zmq.PUB)
socket.connect(f"tcp://localhost:{port}")
publisher_id = random.randrange(0, 9999)

while not select.select([sys.stdin], [], [], 0.005)[0]:
    for topic in range(1, 10):
        messagedata = f"server#{publisher_id}"
        socket.send_string(f"{topic} {messagedata}")

socket.close(linger=0)
context.term()
