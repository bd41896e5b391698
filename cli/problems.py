"""Error answers of the service, said in the words of the command line."""

import msgspec

from core.errors import MegaBatchError

#: The variable that holds the key, which is a secret and so no option of any command.
API_KEY = "MEGABATCH_API_KEY"

# What the service's words leave to say at a prompt, by the code of the problem.
_HINTS = {
    "key_needed": f"Here the key is taken from the variable {API_KEY}. Who runs the service makes "
    "one with `megabatch keys create --caller NAME`.",
    "key_unknown": f"It is the one in the variable {API_KEY}.",
    "scope_missing": f"It is the one in the variable {API_KEY}.",
}
#: Fields of a request whose words on the command line are not `--` and their name.
_WORDS = {"container_url": "CONTAINER"}
#: Its detail says only that fields are at fault; the fields say which, and why.
_FIELDS_ONLY = "invalid_fields"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of the request; `pointer` is a JSON pointer to it."""

    detail: str = ""
    pointer: str = ""

    def __str__(self) -> str:
        """Such as `--first-n: must be at least 1.`"""
        name, _, rest = self.pointer.removeprefix("/").partition("/")
        if not name:
            return self.detail
        word = _WORDS.get(name) or f"--{name.replace('_', '-')}"
        place = f"{word} ({rest})" if rest else word
        return f"{place}: {self.detail.removeprefix(f'{name} ')}"


class Problem(msgspec.Struct, frozen=True):
    """An error answer, `application/problem+json` (RFC 9457)."""

    code: str
    title: str = ""
    detail: str = ""
    errors: list[FieldError] = []
    request_id: str = ""

    def __str__(self) -> str:
        """The detail, then what its fields and the prompt add to it, a line each; nothing twice."""
        added = [str(error) for error in self.errors if error.detail not in self.detail]
        if added and self.code == _FIELDS_ONLY:
            return "\n".join(dict.fromkeys(added))
        hint = _HINTS.get(self.code, "")
        if self.code == MegaBatchError.code and self.request_id:
            hint = f"Whoever runs it finds in its log what happened to request {self.request_id}."
        return "\n".join(
            dict.fromkeys(line for line in (self.detail or self.title, *added, hint) if line)
        )
