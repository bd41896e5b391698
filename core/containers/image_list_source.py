"""An explicit list of images: where it is read from, and which shapes it may have."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, overload

import msgspec

from core.containers.guard import Guard, locate
from core.containers.http_reader import HttpReader
from core.containers.patience import Patience
from core.errors import ContainerError, InvalidRequest, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.jobs import RequestedImage

#: The longest list that is read, bytes: some two million names.
MAX_LIST_BYTES = 256_000_000

_PAIR = 2
_SHAPE = (
    'It must be a JSON list of names, ["a.jpg", "b.jpg"], or of pairs of a name and a text, '
    '[["a.jpg", "north"], ["b.jpg", "south"]]'
)
#: Where programs write an image's name in an object of its own.
_KEYS_OF_NAMES = ("file", "image_file", "file_name", "name", "path", "url")
_POINTER = "/images_url"
_WHY_NOT = {
    FailureCode.NOT_FOUND: "there is nothing at this URL",
    FailureCode.FORBIDDEN: "the storage refuses it; its SAS needs Read, and must not have expired",
    FailureCode.ARCHIVED: "the blob lies in the archive tier; rehydrate it first",
    FailureCode.URL_NOT_ALLOWED: "the server answers with a redirect, which is not followed",
}


def fetch_image_list(
    url: str,
    guard: Guard,
    *,
    patience: Patience | None = None,
    max_bytes: int = MAX_LIST_BYTES,
) -> Sequence[RequestedImage]:
    """The list at this URL. Raises InvalidRequest, UrlNotAllowed or StorageTrouble."""
    reader = HttpReader(guard, patience=patience, max_bytes=max_bytes)
    try:
        answer = reader.get(locate(url)).image()
    except (UrlNotAllowed, ContainerError) as error:
        error.pointer = _POINTER
        raise
    finally:
        reader.close()
    if isinstance(answer, ImageFailure):
        reason = _why_not(answer.code, max_bytes)
        raise InvalidRequest(
            f"The list of images cannot be read: {reason}.",
            pointer=_POINTER,
            code="image_list_unreadable",
        )
    return parse_image_list(answer, pointer=_POINTER)


def _why_not(code: FailureCode, max_bytes: int) -> str:
    if code is FailureCode.FILE_TOO_LARGE:
        return f"it is above {max_bytes // 1_000_000} MB; split the job"
    return _WHY_NOT.get(code, "the server's answer cannot be used")


class RequestedImages(Sequence[RequestedImage]):
    """The entries of a list, made when they are looked at: a million take 100 MB, not 200."""

    def __init__(self, entries: list[Any]) -> None:
        """`entries` are names, or pairs of a name and a text."""
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> RequestedImage: ...
    @overload
    def __getitem__(self, index: slice) -> list[RequestedImage]: ...
    def __getitem__(self, index: int | slice) -> RequestedImage | list[RequestedImage]:
        if isinstance(index, slice):
            return [_requested(entry) for entry in self._entries[index]]
        return _requested(self._entries[index])


def parse_image_list(data: bytes, pointer: str = "/images") -> Sequence[RequestedImage]:
    """The images of a list in JSON, in its order; an empty list is one too.

    Raises InvalidRequest that tells what was found and which shape is wanted.
    """
    try:
        entries = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(_not_json(data), pointer) from error
    if not isinstance(entries, list):
        raise _wrong(_not_a_list(entries), pointer)
    pairs = bool(entries) and isinstance(entries[0], list)
    for index, entry in enumerate(entries):
        _check_entry(entry, pairs, f"{pointer}/{index}")
    return RequestedImages(entries)


def refuse_bare_names(images: Sequence[RequestedImage]) -> None:
    """Raises InvalidRequest where an entry of a list without a container is no URL."""
    if any("://" not in image.name for image in images):
        raise InvalidRequest(
            "The list holds names, but no container is given: set container_url, or list "
            "full URLs.",
            pointer=_POINTER,
        )


def find_duplicates(images: Sequence[RequestedImage]) -> list[str]:
    """The names that stand more than once, each once, in the order of the list."""
    return [name for name, times in Counter(image.name for image in images).items() if times > 1]


def _requested(entry: Any) -> RequestedImage:
    return RequestedImage(entry) if isinstance(entry, str) else RequestedImage(*entry)


def _check_entry(entry: Any, pairs: bool, pointer: str) -> None:
    if not (_is_pair(entry) if pairs else isinstance(entry, str)):
        raise _wrong(_odd_entry(entry, pairs), pointer)
    if not (entry[0] if pairs else entry):
        raise _wrong("An entry has an empty name", pointer)


def _is_pair(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != _PAIR:
        return False
    return all(isinstance(part, str) for part in entry)


def _odd_entry(entry: Any, pairs: bool) -> str:
    if isinstance(entry, str) or (_is_pair(entry) and not pairs):
        return "The list mixes names and pairs"
    if isinstance(entry, dict):
        # No other: what a server answered is repeated to nobody.
        known = next((key for key in _KEYS_OF_NAMES if key in entry), None)
        where = f": give what stands under {known!r} alone" if known else ""
        return f"An entry is an object, not a name{where}"
    return "An entry is neither a name nor a pair of a name and a text"


def _not_a_list(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("images"), list):
        return 'The list is wrapped in an object: give what stands under "images" alone'
    if isinstance(value, dict):
        return "This is a JSON object, not a list"
    return "This is a single JSON value, not a list"


def _not_json(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "This is text in UTF-16; save it as UTF-8"
    if not data.strip():
        return "The list is empty text; a list of no images is []"
    if data.lstrip()[:1] in b"[{":
        return "This is not valid JSON in UTF-8"
    return "This is plain text or CSV, not JSON"


def _wrong(fault: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(f"{fault}. {_SHAPE}.", pointer=pointer, code="bad_image_list")
