"""The weather station: reports on six places, round after round, until its standard input ends.

publisher.py PORT
"""

import random
import select
import sys

import zmq

port = int(sys.argv[1])
context = zmq.Context()
socket = context.socket(zmq.PUB)
socket.bind(f"tcp://*:{port}")

# The wait of 5 ms is the pace of the reports; nobody's subscription is waited for, as in the lecture.
while not select.select([sys.stdin], [], [], 0.005)[0]:
    for topic in range(9999, 10005):
        messagedata = random.randrange(1, 215) - 80
        socket.send_string(f"{topic} {messagedata}")

socket.close(linger=0)
context.term()
