"""Sends ten requests to one server or two in turn, or to a queue device.

reqrep_client.py PORT [SECOND_PORT]
"""

import json
import sys

import zmq

ports = [int(argument) for argument in sys.argv[1:]]
context = zmq.Context()
socket = context.socket(zmq.REQ)
for port in ports:
    socket.connect(f"tcp://localhost:{port}")

replies = []
for _ in range(10):
    socket.send_string("Hello")
    replies.append(socket.recv().decode())

print(json.dumps(replies))
socket.close()
context.term()
