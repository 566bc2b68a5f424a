"""How what is shown in a notebook looks, in one place: escaping, numbers, tables, and a style for light and dark.

What is made here is well-formed XML, needs nothing from outside, and has no ids, as there may be many of them on a page.
"""

from __future__ import annotations

from html import escape
from typing import Collection, List, Sequence, Tuple, Union

#: What a cell of a table holds: a text, or one for each of its lines.
Cell = Union[str, Sequence[str]]

#: Characters of an endpoint, a topic or the value of an option that are shown.
WIDTH = 120


def colour(otherwise: str = "currentColor") -> str:
    """The colour of text, for CSS: of JupyterLab's theme, of VS Code's, or else whatever the page has."""
    return f"var(--jp-ui-font-color1,var(--vscode-foreground,{otherwise}))"


# JupyterLab's rules for tables count for more than a class and an element do.
_TABLE = ".brokerless table.brokerless-table"
_STYLE = f"""<style>
.brokerless {{ color: {colour()}; overflow-x: auto; }}
.brokerless small {{ opacity: 0.75; }}
{_TABLE} {{ border-collapse: collapse; color: inherit; margin: 0 0 0.6em; }}
{_TABLE} caption {{ caption-side: top; color: inherit; font-weight: 600; padding: 2px 10px; text-align: left; \
white-space: nowrap; }}
{_TABLE} th, {_TABLE} td {{ border-bottom: 1px solid var(--jp-border-color2,#8886); padding: 2px 10px; \
text-align: left; vertical-align: top; white-space: nowrap; }}
{_TABLE} thead th {{ vertical-align: bottom; white-space: normal; }}
{_TABLE} .number {{ font-variant-numeric: tabular-nums; text-align: right; }}
{_TABLE} tbody th, {_TABLE} tfoot th {{ font-weight: normal; }}
{_TABLE}.brokerless-facts th {{ opacity: 0.75; }}
{_TABLE}.brokerless-facts td {{ max-width: 60em; overflow-wrap: anywhere; white-space: normal; }}
{_TABLE} .over {{ opacity: 0.6; }}
.brokerless ul {{ margin: 0.3em 0; padding: 0; }}
.brokerless li {{ border-left: 4px solid #888; list-style: none; margin: 0.3em 0; padding-left: 0.6em; }}
.brokerless li.problem {{ border-color: #c62828; }}
.brokerless li.hint {{ border-color: #b26a00; }}
.brokerless li.fine {{ border-color: #2e7d32; }}
</style>"""


def printable(text: str) -> str:
    """The text with an escape for each character that cannot be shown, or would change how the others are."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def text_in(text: str) -> str:
    """A text as it may stand in HTML, SVG and XML, also as the value of an attribute: printable, and escaped."""
    return escape(printable(text), quote=True)


def short(text: str, width: int = WIDTH) -> str:
    """The text, cut off if it has more characters."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def number(value: int) -> str:
    """A number with its thousands set apart."""
    return f"{value:,}"


def size(count: int) -> str:
    """A number of bytes: 512 B, 1.5 KiB, 2.0 MiB."""
    scaled, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        # What would be rounded up to the next unit has that.
        if scaled < (1024 if unit == "B" else 1023.95):
            break
        scaled, unit = scaled / 1024, larger
    return f"{count} B" if unit == "B" else f"{scaled:,.1f} {unit}"


def span(seconds: float) -> str:
    """A length of time: 30 ms, 3.4 s, 12 min, 2 h 05 min."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def first(items: Sequence[str], most: int) -> List[str]:
    """The first of them, each cut to its width, and how many there are besides."""
    lines = [short(item) for item in items[:most]]
    return lines if len(items) <= most else [*lines, more(len(items) - most)]


def more(count: int) -> str:
    """What stands for those that are not shown."""
    return f"... and {number(count)} more"


def page(*parts: str) -> str:
    """What a notebook is given: the parts, with the style that they need."""
    return f'<div class="brokerless">{_STYLE}{"".join(parts)}</div>'


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    numbers: Collection[str] = (),
    over: Collection[int] = (),
    left_out: int = 0,
) -> str:
    """A table whose rows begin with what they are about. Columns in `numbers` stand at the right; the rows `over` are dim."""
    kinds = [' class="number"' if head in numbers else "" for head in heads]
    top = "".join(f'<th scope="col"{kind}>{text_in(head)}</th>' for head, kind in zip(heads, kinds))
    body = "".join(
        f'<tr{_dim(at in over)}><th scope="row"{kinds[0]}>{_lines(row[0])}</th>'
        + "".join(f"<td{kind}>{_lines(cell)}</td>" for cell, kind in zip(row[1:], kinds[1:]))
        + "</tr>"
        for at, row in enumerate(rows)
    )
    foot = f'<tfoot><tr><th scope="row" colspan="{len(heads)}">{more(left_out)}</th></tr></tfoot>' if left_out else ""
    return _table("", caption, f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>{foot}")


def bars(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Tuple[str, int, Sequence[str]]],
    most: int,
    left_out: int = 0,
) -> str:
    """A table with a bar in each row: what it is about, how long its bar is (`most` fills it), and the other cells."""
    top = "".join(f'<th scope="col">{text_in(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{text_in(short(name))}</th>'
        f'<td><meter min="0" max="{max(most, 1)}" value="{length}"></meter></td>'
        + "".join(f'<td class="number">{text_in(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, length, cells in rows
    )
    foot = f'<tfoot><tr><th scope="row" colspan="{len(heads)}">{more(left_out)}</th></tr></tfoot>' if left_out else ""
    return _table("", caption, f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>{foot}")


def facts(caption: str, pairs: Sequence[Tuple[str, Cell]]) -> str:
    """A table of what there is to say of one thing; what is empty is left out."""
    rows = "".join(
        f'<tr><th scope="row">{text_in(name)}</th><td>{_lines(cell)}</td></tr>' for name, cell in pairs if cell
    )
    return _table(" brokerless-facts", caption, f"<tbody>{rows}</tbody>")


def _table(kind: str, caption: str, inside: str) -> str:
    return f'<table class="brokerless-table{kind}"><caption>{text_in(caption)}</caption>{inside}</table>'


def _dim(over: bool) -> str:
    return ' class="over"' if over else ""


def _lines(cell: Cell) -> str:
    lines = [cell] if isinstance(cell, str) else cell
    return "<br/>".join(map(text_in, lines)) or "-"
