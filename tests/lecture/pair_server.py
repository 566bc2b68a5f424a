"""Greets a client that answers each greeting, and reads every answer.

    pair_server.py PORT ROUNDS ANSWERS

The lecture's client answers each greeting twice, and its server listens once in a round.
"""

import json
import sys

import zmq

port, rounds, answers = (int(argument) for argument in sys.argv[1:])
context = zmq.Context()
socket = context.socket(zmq.PAIR)
socket.bind(f"tcp://*:{port}")

heard = []
for _ in range(rounds):
    socket.send_string("Server message to client3")
    heard.append(socket.recv().decode())
while len(heard) < rounds * answers:  # what has piled up
    heard.append(socket.recv().decode())

print(json.dumps(heard))
socket.close()
context.term()
