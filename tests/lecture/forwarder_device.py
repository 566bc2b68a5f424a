"""Passes what publishers say to subscribers, until it is interrupted.

forwarder_device.py FRONTEND_PORT BACKEND_PORT
"""

import sys

import zmq

frontend_port, backend_port = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context(1)
try:
    frontend = context.socket(zmq.SUB)
    frontend.bind(f"tcp://*:{frontend_port}")
    frontend.setsockopt_string(zmq.SUBSCRIBE, "")
    backend = context.socket(zmq.PUB)
    backend.bind(f"tcp://*:{backend_port}")

    zmq.device(zmq.FORWARDER, frontend, backend)
except KeyboardInterrupt:
    print("bringing down zmq device")
finally:
    frontend.close(linger=0)
    backend.close(linger=0)
    context.term()
