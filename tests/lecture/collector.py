"""Counts a number of results by the consumer that sent them.

collector.py PORT RESULTS
"""

import json
import sys

import zmq

port, results = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context()
results_receiver = context.socket(zmq.PULL)
results_receiver.bind(f"tcp://127.0.0.1:{port}")

collector_data = {}
total = 0
for _ in range(results):
    result = results_receiver.recv_json()
    consumer = result["consumer"]
    collector_data[consumer] = collector_data.get(consumer, 0) + 1
    total += result["num"]

print(json.dumps({"tally": collector_data, "total": total}))
results_receiver.close()
context.term()
