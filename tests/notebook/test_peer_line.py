"""How the lines of `%%peer` and `%stop` are read, and what is said of wrong ones."""

from __future__ import annotations

import pytest

from brokerless.jupyter.peer_line import PEER_USAGE, BadLine, Help, PeerLine, parse_peer, parse_peers, parse_stop, split


def test_a_name_is_enough() -> None:
    assert parse_peer("server") == PeerLine("server", False, [], None, False, True)


def test_every_option_is_read() -> None:
    line = parse_peer("--wait  w-1.é --env a=b --python '/a b/python' --env=c=[1, 2] --no-kill-on-rerun")
    assert line == PeerLine("w-1.é", True, [("a", "b"), ("c", "[1, 2]")], "/a b/python", False, False)
    assert parse_peer("t --thread --kill-on-rerun") == PeerLine("t", False, [], None, True, True)


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ("port", ("port", "port")),
        ("port=(port + 1)", ("port", "(port + 1)")),
        ('text="a b"', ("text", '"a b"')),
        ("'text=a + b'", ("text", "a + b")),
        ("d={'a': 1, \"]\": (2, 3)}", ("d", "{'a': 1, \"]\": (2, 3)}")),
        (r"text='it\'s = so'", ("text", r"'it\'s = so'")),
    ],
)
def test_expressions_are_taken_as_they_are(given: str, variable: object) -> None:
    assert parse_peer(f"x --env {given} --wait").env == [variable]


def test_an_expression_with_blanks_needs_brackets() -> None:
    for line, whole in {
        "x --env port=port + 1": "port + 1",
        "x --env port=port + 1 --wait": "port + 1",
        "--env port=lambda: x": "lambda: x",
    }.items():
        with pytest.raises(BadLine) as caught:
            parse_peer(line)
        assert str(caught.value) == f"--env port={whole}: what has blanks needs brackets, as in --env port=({whole})"
    # What could be the name of the peer is it.
    assert parse_peer("--env port=1 x") == PeerLine("x", False, [("port", "1")], None, False, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "a peer needs a name"),
        ("a b", "one name, not 2: a b"),
        ("a/b", "'a/b' is no name"),
        ("é" * 65, "is no name"),
        ("x --nonsense", "there is no option --nonsense"),
        ("x --wait=1", "there is no option --wait=1"),
        ("x --env", "--env needs name=expression"),
        ("x --env 1=2", "--env needs name=expression, not 1=2"),
        ("x --env port = 5", "--env port = 5: no blanks around the =, as in --env port=5"),
        ("x --env port =5", "--env port =5: no blanks around the =, as in --env port=5"),
        ("x --env port= 5", "--env port=: nothing stands behind the ="),
        ("x --env port:5", "--env needs name=expression, not port:5"),
        ("x --env class=5", "--env class=5: class is a word of Python's own, and no name for a variable"),
        ("x --python", "--python needs a path"),
        ("x --python a --python b", "--python is given twice"),
        ("x --wait --wait", "--wait is given twice"),
        ("x --kill-on-rerun --no-kill-on-rerun", "exclude each other"),
        ("x --thread --env a=b", "neither --python nor --env"),
        ("x --thread --python a", "neither --python nor --env"),
        ("x --env a=(1", "\\) is missing"),
        ("x --env a='1", "' is missing"),
    ],
)
def test_what_is_wrong_is_said(line: str, said: str) -> None:
    with pytest.raises(BadLine, match=said) as caught:
        parse_peer(line)
    assert str(caught.value).count("\n") == str(caught.value).count("\nusage: %%peer NAME")


def test_the_usage_is_shown_only_where_the_options_are_wrong() -> None:
    for line, shown in {"x --what": True, "": True, "a/b": False, "a b": False, "x --env a=(1": False}.items():
        with pytest.raises(BadLine) as caught:
            parse_peer(line)
        assert (f"\nusage: {PEER_USAGE}" in str(caught.value)) is shown


def test_help_is_no_mistake() -> None:
    for ask in (parse_peer, parse_stop, parse_peers):
        for word in ("--help", "-h"):
            with pytest.raises(Help):
                ask(word)
    with pytest.raises(BadLine, match="%peers takes nothing"):
        parse_peers("a")


def test_stop_takes_names_or_all() -> None:
    assert parse_stop("a b") == ["a", "b"]
    assert parse_stop(" --all ") == ["--all"]
    for wrong in ("", "--all a", "--most"):
        with pytest.raises(BadLine, match="usage"):
            parse_stop(wrong)


def test_brackets_and_quotes_hold_words_together() -> None:
    assert split(" a  [b c]d 'e f' ") == ["a", "[b c]d", "'e f'"]
    assert split("a)") == ["a)"]
