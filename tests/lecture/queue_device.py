"""Passes requests from clients to servers, and replies back, until it is interrupted.

queue_device.py FRONTEND_PORT BACKEND_PORT
"""

import sys

import zmq

frontend_port, backend_port = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context(1)
try:
    frontend = context.socket(zmq.XREP)
    frontend.bind(f"tcp://*:{frontend_port}")
    backend = context.socket(zmq.XREQ)
    backend.bind(f"tcp://*:{backend_port}")

    zmq.device(zmq.QUEUE, frontend, backend)
except KeyboardInterrupt:
    print("bringing down zmq device")
finally:
    frontend.close(linger=0)
    backend.close(linger=0)
    context.term()
