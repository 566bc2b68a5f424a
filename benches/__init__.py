"""Measurements beside pyzmq, pyomq and libzmq's own C API: what `make bench` runs.

`case` says what a case is, `cases/` has them, `runner` runs them in fresh processes (`child`), `table` and `plot` show them.
"""
