"""The fault battery: what becomes of brokerless, and of pyzmq beside it, under the very same faults.

`make battery` runs it. A fault is a `Fault` in `faults/`: a function that does it so many times to one contender, in a process
of its own, and says what happened. What the processes of a fault say to each other goes through pipes, not through ZeroMQ.
"""
