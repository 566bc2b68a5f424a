"""Collects five updates from one or more publishers, and their average.

subscriber.py TOPIC PORT [PORT ...]
"""

import json
import sys

import zmq

topicfilter, ports = sys.argv[1], [int(argument) for argument in sys.argv[2:]]
context = zmq.Context()
socket = context.socket(zmq.SUB)
for port in ports:
    socket.connect(f"tcp://localhost:{port}")
socket.setsockopt_string(zmq.SUBSCRIBE, topicfilter)

total_value = 0
topics = []
for _ in range(5):
    topic, messagedata = socket.recv().split()
    topics.append(topic.decode())
    total_value += int(messagedata)

print(json.dumps({"topics": topics, "total": total_value, "average": total_value / len(topics)}))
socket.close()
context.term()
