"""Pulls numbers from a streamer device and prints each, for as long as it lives.

task_worker.py ID PORT
"""

import json
import sys

import zmq

consumer_id, port = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context()
consumer_receiver = context.socket(zmq.PULL)
consumer_receiver.connect(f"tcp://127.0.0.1:{port}")

while True:
    work = consumer_receiver.recv_json()
    print(json.dumps({"consumer": consumer_id, "num": work["num"]}), flush=True)
