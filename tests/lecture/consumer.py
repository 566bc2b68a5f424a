"""Pulls numbers and pushes the even ones on, for as long as it lives.

consumer.py ID WORK_PORT RESULT_PORT
"""

import sys

import zmq

consumer_id, work_port, result_port = (int(argument) for argument in sys.argv[1:])
context = zmq.Context()
consumer_receiver = context.socket(zmq.PULL)
consumer_receiver.connect(f"tcp://127.0.0.1:{work_port}")
consumer_sender = context.socket(zmq.PUSH)
consumer_sender.connect(f"tcp://127.0.0.1:{result_port}")

while True:
    work = consumer_receiver.recv_json()
    data = work["num"]
    result = {"consumer": consumer_id, "num": data}
    if data % 2 == 0:
        consumer_sender.send_json(result)
