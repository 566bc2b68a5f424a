"""Passes jobs from producers to workers, until it is interrupted.

streamer_device.py FRONTEND_PORT BACKEND_PORT
"""

import sys

import zmq

frontend_port, backend_port = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context(1)
try:
    frontend = context.socket(zmq.PULL)
    frontend.bind(f"tcp://*:{frontend_port}")
    backend = context.socket(zmq.PUSH)
    backend.bind(f"tcp://*:{backend_port}")

    zmq.device(zmq.STREAMER, frontend, backend)
except KeyboardInterrupt:
    print("bringing down zmq device")
finally:
    frontend.close(linger=0)
    backend.close(linger=0)
    context.term()
