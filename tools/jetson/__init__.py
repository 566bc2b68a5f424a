"""What `make jetson-test` runs: aarch64 wheels in an emulated processor, on the C library and the Python of an old board.

`board` lays out a system in a folder and runs programs of it, `lecture` has a notebook of the course run in a kernel there.
"""
