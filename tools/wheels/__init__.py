"""What `make wheels` runs: a wheel for each Python and architecture, checked before anybody installs one.

`targets` says which wheels there are, `toolchain` finds a Rust that compiles for them, `source` lays out what they are built
from, `build` builds. `contents`, `elf` and `symbols` look at a finished wheel and say what is wrong with it; `sdist` tries the
sdist as a stranger would.
"""
