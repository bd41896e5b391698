"""From what pydantic says about a request to what the collaborator is told.

The value that was sent is never repeated: it may hold a secret.
"""

from typing import Any, NoReturn

from pydantic import ValidationError

from api.problems import FieldError, InvalidFields

# Of a name that the body made up.
_MOST_LETTERS = 64

_TEXTS = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "moment": "must be a time, such as 2026-05-01 or 2026-05-01T12:00:00Z",
    "moment_lost_plus": "must be a time: write its + as %2B, or give UTC, as 2026-05-01T12:00:00Z",
    "statuses": "must name statuses, separated by commas: {known}",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "dict_type": "must be an object of text values",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} letters",
    "too_many_pairs": "may have {most} pairs at most",
    "too_short": "must not be empty; leave it out to take all",
    "too_long": "may have {max_length} entries at most",
    "string_pattern_mismatch": "may hold letters, digits, '_', '-', '.' and spaces only",
}

# Of fields that need other words than others of their kind.
_TEXTS_OF_FIELDS = {
    ("images", "too_long"): "may have {max_length} entries at most; put a longer list in a file, "
    "and give its URL as images_url",
}


def refuse_fields(error: ValidationError) -> NoReturn:
    """Raises InvalidFields."""
    found = error.errors(include_url=False, include_input=False)
    raise InvalidFields(tuple(_field_error(item, error.title) for item in found)) from None


def _field_error(item: Any, model: str) -> FieldError:
    context = item.get("ctx", {})
    path = [str(part)[:_MOST_LETTERS] for part in item["loc"] if part != "[key]"]
    if item["type"] == "unknown":
        path, detail = [*path, context["name"][:_MOST_LETTERS]], item["msg"]
    else:
        text = _TEXTS.get(item["type"], "cannot be used as it was given")
        text = _TEXTS_OF_FIELDS.get((path[-1], item["type"]), text)
        detail = f"{_subject(item['loc'])} {text.format(**context)}."
    if model.endswith("Query"):
        return FieldError(detail, parameter=path[-1])
    return FieldError(detail, pointer="".join("/" + _escaped(part) for part in path))


def _subject(location: tuple[str | int, ...]) -> str:
    """What a sentence about this place begins with: a bare index or key says nothing."""
    match location:
        case (*_, field, _, "[key]"):
            return f"A key of {field}"
        case (*_, field, int()):
            return f"An entry of {field}"
        case (*_, "metadata", str(key)):
            return f"{key[:_MOST_LETTERS]!r} of metadata"
    return str(location[-1])


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
