"""What jobs and results are written in: a name, or an object of the program's own with `encode` and `decode`."""

from __future__ import annotations

import pickle
from typing import Any, Callable, NamedTuple, Tuple, Union

__all__ = ["CODECS", "CodecLike", "Codecs", "codecs_of"]

#: A name of CODECS, an object with encode(object) and decode(data), or two of these, for jobs and for results.
CodecLike = Any

#: What the core makes of objects by itself.
_OF_THE_CORE = ("json", "bytes", "multipart", "numpy")
#: The names that a codec may have. "pickle" runs code of whoever can reach the port: only where everybody there is trusted.
CODECS = (*_OF_THE_CORE, "msgpack", "pickle")

_Functions = Tuple[Callable[[Any], Any], Callable[[Any], Any]]


class Codecs(NamedTuple):
    """The codecs of a role: their names, which its peers must have too, and what does the work."""

    jobs_name: str
    jobs: Union[str, _Functions]
    results_name: str
    results: Union[str, _Functions]


def codecs_of(given: CodecLike) -> Codecs:
    """The codecs for jobs and results.

    - "json" (the default): what `json.dumps` takes.
    - "bytes": bytes-like objects, which arrive as bytes. "multipart": lists of them, a frame each.
    - "numpy": arrays, as `socket.send_array()` sends them; what is received is not copied again, but
      over inproc, where it would be the memory of what others keep.
    - "msgpack": with the package msgpack.
    - "pickle": any object. Reading a pickle runs whatever its sender wants: use it only where nobody else can connect.
    - an object whose `encode(object)` returns bytes, or a list of bytes, and whose `decode()` takes what it returned. Its
      `name`, or that of its class, is what the roles compare.

    A pair of these is one for jobs and one for results.

    Raises ValueError for a name that is none of these, TypeError for an object without the two methods, ImportError if
    msgpack is not installed.
    """
    jobs, results = given if isinstance(given, tuple) else (given, given)
    return Codecs(*_one(jobs), *_one(results))


def _one(given: Any) -> Tuple[str, Union[str, _Functions]]:
    if isinstance(given, str):
        if given in _OF_THE_CORE:
            return given, given
        if given == "msgpack":
            return given, _msgpack()
        if given == "pickle":
            return given, (_pickled, pickle.loads)
        raise ValueError(f"there is no codec {given!r}: {', '.join(CODECS)}, or an object with encode() and decode()")
    encode, decode = getattr(given, "encode", None), getattr(given, "decode", None)
    if not callable(encode) or not callable(decode):
        raise TypeError(f"a codec is a name or has encode(object) and decode(data), not {given!r}")
    name = getattr(given, "name", None)
    if not isinstance(name, str):
        name = (given if isinstance(given, type) else type(given)).__qualname__
    return name, (encode, decode)


def _msgpack() -> _Functions:
    try:
        import msgpack
    except ImportError as error:
        raise ImportError("the codec 'msgpack' is that of the package msgpack: pip install msgpack") from error
    return msgpack.packb, msgpack.unpackb


def _pickled(thing: Any) -> bytes:
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
