"""Reads what stands behind `%%peer`, `%peers` and `%stop`.

An expression may have spaces, quotes and brackets; IPython's own way of splitting lines is for words.
"""

from __future__ import annotations

import ast
import keyword
import re
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

PEER_USAGE = (
    "%%peer NAME [--wait] [--env name=expression]... [--python PATH] [--thread] [--kill-on-rerun | --no-kill-on-rerun]"
)
STOP_USAGE = "%stop NAME... | --all"
PEERS_USAGE = "%peers"
#: What asks for help in place of anything else.
HELP = frozenset(("--help", "-h"))

_NAME = re.compile(r"\w[\w.-]{0,63}")
_OPEN = {"(": ")", "[": "]", "{": "}"}


class BadLine(Exception):
    """The line is not what the magic takes; says what is wrong with it."""


class Help(Exception):
    """The line asks how the magic is used; says it."""


class PeerLine(NamedTuple):
    """What a `%%peer` line asks for."""

    name: str
    wait: bool
    #: (name, expression) of each variable to hand over.
    env: Sequence[Tuple[str, str]]
    python: Optional[str]
    thread: bool
    kill_on_rerun: bool


def parse_peer(line: str) -> PeerLine:
    """Reads the line of `%%peer`. Raises BadLine, and Help if it asks for that."""
    names: List[str] = []
    given: Dict[str, Any] = {}
    env: List[Tuple[str, str]] = []
    #: The words that follow each variable, up to the next option.
    behind: List[List[str]] = []
    option = ""
    words = split(line)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            names.append(word)
            if option == "--env":
                behind[-1].append(word)
            continue
        if word in HELP:
            raise Help(PEER_USAGE)
        option, equals, value = word.partition("=")
        if option in ("--env", "--python"):
            if not equals:
                if not words:
                    _refuse(f"{option} needs {'name=expression' if option == '--env' else 'a path'}", PEER_USAGE)
                value = words.pop(0)
            if option == "--env":
                env.append(_variable(value, words))
                behind.append([])
            else:
                _once(given, option, _unquoted(value))
        elif option in ("--wait", "--thread", "--kill-on-rerun", "--no-kill-on-rerun") and not equals:
            _once(given, option, True)
        else:
            _refuse(f"there is no option {word}", PEER_USAGE)
    _check_blanks(names, env, behind)
    if not names:
        _refuse("a peer needs a name", PEER_USAGE)
    if len(names) > 1:
        raise BadLine(f"one name, not {len(names)}: {' '.join(names)}")
    if "--kill-on-rerun" in given and "--no-kill-on-rerun" in given:
        raise BadLine("--kill-on-rerun and --no-kill-on-rerun exclude each other")
    if "--thread" in given and ("--python" in given or env):
        raise BadLine("a --thread runs in the kernel and sees its variables: it takes neither --python nor --env")
    return PeerLine(
        name=check_name(names[0]),
        wait="--wait" in given,
        env=env,
        python=given.get("--python"),
        thread="--thread" in given,
        kill_on_rerun="--no-kill-on-rerun" not in given,
    )


def parse_stop(line: str) -> List[str]:
    """Reads the line of `%stop`: the names, or ["--all"]. Raises BadLine, and Help if it asks for that."""
    words = split(line)
    if not HELP.isdisjoint(words):
        raise Help(STOP_USAGE)
    for word in words:
        if word.startswith("-") and word != "--all":
            _refuse(f"there is no option {word}", STOP_USAGE)
    if not words or ("--all" in words and len(words) > 1):
        _refuse("names, or --all", STOP_USAGE)
    return words


def parse_peers(line: str) -> None:
    """Reads the line of `%peers`, which takes nothing. Raises BadLine, and Help if it asks for that."""
    if line.strip() in HELP:
        raise Help(PEERS_USAGE)
    if line.strip():
        raise BadLine(f"%peers takes nothing, not {line.strip()!r}")


def check_name(name: str) -> str:
    """The name, if a peer can have it. Raises BadLine."""
    if _NAME.fullmatch(name) is None:
        raise BadLine(f"{name!r} is no name for a peer: up to 64 letters, digits and any of _ . - behind the first")
    return name


def split(line: str) -> List[str]:
    """The words of a line; blanks within quotes or brackets are part of a word, and quotes stay. Raises BadLine."""
    words: List[str] = []
    word = ""
    quote = ""
    brackets: List[str] = []
    characters = iter(line)
    for character in characters:
        if quote:
            word += character
            if character == "\\":
                word += next(characters, "")
            elif character == quote:
                quote = ""
            continue
        if character.isspace() and not brackets:
            if word:
                words.append(word)
            word = ""
            continue
        word += character
        if character in "\"'":
            quote = character
        elif character in _OPEN:
            brackets.append(_OPEN[character])
        elif brackets and character == brackets[-1]:
            brackets.pop()
    if quote or brackets:
        raise BadLine(f"{quote or brackets[-1]} is missing")
    return [*words, word] if word else words


def _variable(text: str, following: Sequence[str]) -> Tuple[str, str]:
    """The name and expression of a word behind `--env`, which these words follow."""
    name, equals, expression = _unquoted(text).partition("=")
    if keyword.iskeyword(name):
        raise BadLine(f"--env {text}: {name} is a word of Python's own, and no name for a variable")
    if not name.isidentifier():
        _refuse(f"--env needs name=expression, not {text}", PEER_USAGE)
    if not equals and following and following[0].startswith("="):
        whole = " ".join([text, *following[: 2 if following[0] == "=" else 1]])
        raise BadLine(f"--env {whole}: no blanks around the =, as in --env {whole.replace(' ', '')}")
    if equals and not expression.strip():
        raise BadLine(f"--env {text}: nothing stands behind the =")
    # A name alone hands over the variable of that name.
    return name, expression.strip() if equals else name


def _check_blanks(names: Sequence[str], env: Sequence[Tuple[str, str]], behind: Sequence[List[str]]) -> None:
    """Refuses an expression that ends at a blank: the words behind it would be names of the peer."""
    for (name, expression), words in zip(env, behind):
        if words and (len(names) > 1 or not _is_expression(expression)):
            whole = " ".join([expression, *words])
            raise BadLine(f"--env {name}={whole}: what has blanks needs brackets, as in --env {name}=({whole})")


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _once(given: Dict[str, Any], option: str, value: Any) -> None:
    if option in given:
        _refuse(f"{option} is given twice", PEER_USAGE)
    given[option] = value


def _refuse(text: str, usage: str) -> NoReturn:
    raise BadLine(f"{text}\nusage: {usage}")
