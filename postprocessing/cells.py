"""Text for cells of a table that a spreadsheet may open."""

# What a spreadsheet takes for the beginning of a formula. Source: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet runs it: one that looks like a formula gets a quote."""
    return f"'{text}" if text.startswith(_FORMULA) else text
