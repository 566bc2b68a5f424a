"""Answers each greeting, once or more often.

pair_client.py PORT ROUNDS ANSWERS
"""

import json
import sys

import zmq

port, rounds, answers = (int(argument) for argument in sys.argv[1:])
context = zmq.Context()
socket = context.socket(zmq.PAIR)
socket.connect(f"tcp://localhost:{port}")

heard = []
for _ in range(rounds):
    heard.append(socket.recv().decode())
    for number in range(answers):
        socket.send_string(f"client message to server{number + 1}")

print(json.dumps(heard))
socket.close()
context.term()
