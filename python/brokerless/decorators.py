"""Contexts and sockets for the time of one call, as decorators.

    @context()
    @socket(zmq.PUSH)
    def work(job, ctx, push): ...

    work(42)

The function gets what was opened, after its own arguments; when it ends, by whatever way, that is closed again. It is the
same as a `with` around the body, and nothing is shared between calls, or between threads.
"""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar, cast

from .context import Context

_F = TypeVar("_F", bound=Callable[..., Any])
_Args = Tuple[Any, ...]
_Kwargs = Dict[str, Any]
# From the arguments of a call, what makes the thing that the call needs.
_Maker = Callable[[_Args, _Kwargs], Callable[..., Any]]


def context(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give the function a new Context, which ends with the call.

    Parameters
    ----------
    name : str, optional
        The keyword by which the function gets it, also as first positional argument: `@context("ctx")`. Without a name,
        it comes after the positional arguments of the call.
    *args, **kwargs
        Everything else is for Context(): `@context("ctx", io_threads=2)`.

    Raises
    ------
    TypeError
        In a call that brings an argument of that name itself.
    """
    name, args, kwargs = _take_name(args, kwargs)
    return _opening(name, lambda *_: Context, args, kwargs)


def socket(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give the function a new socket, which is closed when the call ends.

    Its context is the argument `context_name` of the call, if that is a Context; otherwise the first positional argument
    which is one, such as that of a @context() above; otherwise Context.instance().

    Parameters
    ----------
    name : str, optional
        The keyword by which the function gets it, also as first positional argument: `@socket("push", zmq.PUSH)`. Without
        a name, it comes after the positional arguments of the call.
    context_name : str, optional
        The keyword under which the context is looked for, "context" by default.
    *args, **kwargs
        Everything else is for Context.socket(): the type, above all.

    Raises
    ------
    TypeError
        In a call that brings an argument of that name itself; and if there is no type.
    """
    name, args, kwargs = _take_name(args, kwargs)
    wanted = kwargs.pop("context_name", "context")

    def maker(call_args: _Args, call_kwargs: _Kwargs) -> Callable[..., Any]:
        for candidate in (call_kwargs.get(wanted), *call_args):
            if isinstance(candidate, Context):
                return candidate.socket
        return Context.instance().socket

    return _opening(name, maker, args, kwargs)


def _take_name(args: _Args, kwargs: _Kwargs) -> Tuple[Optional[str], _Args, _Kwargs]:
    if args and callable(args[0]):
        # Else the function would be gone, and nobody told before it is missed.
        raise TypeError("this decorator is called before it decorates: write @context(), @socket(zmq.PUSH)")
    if isinstance(kwargs.get("name"), str):
        return kwargs.pop("name"), args, kwargs
    if args and isinstance(args[0], str):
        return args[0], args[1:], kwargs
    return None, args, kwargs


def _opening(name: Optional[str], maker: _Maker, make_args: _Args, make_kwargs: _Kwargs) -> Callable[[_F], _F]:
    """The decorator: opens in each call what `maker` says, and hands it over under `name` or as the last argument."""

    def decorate(function: _F) -> _F:
        def opened(args: _Args, kwargs: _Kwargs) -> Any:
            if name is not None and name in kwargs:
                raise TypeError(f"{function.__name__}() got two values for {name!r}: the decorator opens it")
            return maker(args, kwargs)(*make_args, **make_kwargs)

        def extended(args: _Args, kwargs: _Kwargs, made: Any) -> Tuple[_Args, _Kwargs]:
            return ((*args, made), kwargs) if name is None else (args, {**kwargs, name: made})

        if iscoroutinefunction(function):
            # It has hardly begun when its call returns; what it works with must stay open until it has ended.
            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with opened(args, kwargs) as made:
                    args, kwargs = extended(args, kwargs, made)
                    return await function(*args, **kwargs)

            return cast(_F, awaited)

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with opened(args, kwargs) as made:
                args, kwargs = extended(args, kwargs, made)
                return function(*args, **kwargs)

        return cast(_F, called)

    return decorate


__all__ = ("context", "socket")
