"""Replies to a number of requests. For the queue device it connects instead of binding.

reqrep_server.py bind|connect PORT REQUESTS
"""

import json
import sys

import zmq

how, port, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = zmq.Context()
socket = context.socket(zmq.REP)
if how == "bind":
    socket.bind(f"tcp://*:{port}")
else:
    socket.connect(f"tcp://localhost:{port}")

heard = []
for _ in range(requests):
    message = socket.recv()
    heard.append(message.decode())
    socket.send_string(f"World from {port}")

print(json.dumps(heard))
socket.close()
context.term()
