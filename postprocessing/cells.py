"""Text for cells of a table that a spreadsheet may open."""

_MARK = "'"
# What a spreadsheet takes for the beginning of a formula, and our own mark, so that it can be taken
# off. Source: OWASP, "CSV Injection"; the wide forms are what Excel takes too, in some languages.
_MARKED = frozenset("=+-@\t\r\n＝＋－＠" + _MARK)  # noqa: RUF001


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet runs it: one that looks like a formula gets a quote."""
    return _MARK + text if text[:1] in _MARKED else text


def plain_cell(cell: str) -> str:
    """The text of which `safe_cell` made this cell."""
    return cell[1:] if cell[:1] == _MARK and cell[1:2] in _MARKED else cell
