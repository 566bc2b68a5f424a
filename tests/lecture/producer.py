"""Pushes numbers to whoever pulls. For the streamer device it connects instead of binding.

producer.py bind|connect PORT COUNT
"""

import sys

import zmq

how, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = zmq.Context()
zmq_socket = context.socket(zmq.PUSH)
if how == "bind":
    zmq_socket.bind(f"tcp://127.0.0.1:{port}")
else:
    zmq_socket.connect(f"tcp://127.0.0.1:{port}")

for num in range(count):
    zmq_socket.send_json({"num": num})

zmq_socket.close()
context.term()
