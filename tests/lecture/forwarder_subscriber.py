"""Collects ten updates on one topic from a forwarder device.

forwarder_subscriber.py TOPIC PORT
"""

import json
import sys

import zmq

topicfilter, port = sys.argv[1], int(sys.argv[2])
context = zmq.Context()
socket = context.socket(zmq.SUB)
socket.connect(f"tcp://localhost:{port}")
socket.setsockopt_string(zmq.SUBSCRIBE, topicfilter)

updates = []
for _ in range(10):
    topic, messagedata = socket.recv().split()
    updates.append([topic.decode(), messagedata.decode()])

print(json.dumps(updates))
socket.close()
context.term()
