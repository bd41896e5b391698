"""Names what a file is that is no results file, and tells what to do with it."""

from collections.abc import Mapping

import msgspec

#: Bytes from the start of a file that `explain_start` wants.
START = 4096

#: How files start that are not JSON in UTF-8, and what to do about it.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "starts with a byte order mark; save it as UTF-8 without one"),
    (b"\xff\xfe", "is text in UTF-16; save it as UTF-8 without a byte order mark"),
    (b"\xfe\xff", "is text in UTF-16; save it as UTF-8 without a byte order mark"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
    (b"\xff\xd8\xff", "is a JPEG picture; give the results file, not an image"),
    (b"\x89PNG", "is a PNG picture; give the results file, not an image"),
)

_MARKUP = "is a web page or an error in XML, as a link that has expired gives; download it again"
_CONVERT = "; `megabatch post convert --from {}` makes results of it"
_CSV_2019 = f"is the CSV of the first MegaDetector service (2019){_CONVERT.format('csv')}"

#: Top-level fields by which the files of other programs are known.
_OBJECTS: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"predictions"}),
        f"is predictions of SpeciesNet{_CONVERT.format('speciesnet')}",
    ),
    (
        frozenset({"images", "annotations", "categories"}),
        f"is a COCO data set{_CONVERT.format('coco')}",
    ),
    (
        frozenset({"annotations"}),
        f"looks like PytorchWildlife's own JSON{_CONVERT.format('pytorch-wildlife')}",
    ),
    (frozenset({"shapes"}), "is a labelme file of one image"),
    (frozenset({"error"}), "is an error that a service answered, not results"),
    (frozenset({"title", "status"}), "is an error that a service answered, not results"),
)

_LIST = (
    "is a list at its top level, where a results file is an object with `info`, "
    "`detection_categories` and `images`"
)


def explain_start(start: bytes) -> str | None:
    """What is wrong with a file whose first bytes are `start`; None where it may be JSON."""
    for signature, meaning in _STARTS:
        if start.startswith(signature):
            return meaning
    text = start.lstrip()
    if not text:
        return "is empty; make or download it again"
    if text.startswith(b"<"):
        return _MARKUP
    if b"\0" in start:
        return "is not text; a results file is JSON in UTF-8"
    return None if text.startswith((b"{", b"[")) else _explain_text(text)


def _explain_text(text: bytes) -> str:
    first = text.partition(b"\n")[0]
    if first.startswith(b"image_path,"):
        return _CSV_2019
    if first.count(b",") or first.count(b";") or first.count(b"\t"):
        return f"looks like a CSV table{_CONVERT.format('csv')}, if it is one of ours"
    return "is not JSON; a results file is, and starts with `{`"


def explain_list(data: bytes) -> str:
    """What a JSON file with a list at its top level is."""
    try:
        entries = msgspec.json.decode(data, type=list[msgspec.Raw])
        first = msgspec.json.decode(entries[0]) if entries else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _LIST
    return f"{_LIST}; {_entry_meaning(first)}" if first else _LIST


def _entry_meaning(entry: object) -> str:
    if isinstance(entry, str | list):
        return "it looks like a list of images, or of failed ones"
    if isinstance(entry, Mapping) and {"file", "detections"} & entry.keys():
        return "its entries look like images of a results file that lost what stood around them"
    return "it looks like what another detection program writes; convert it first"


def explain_object(fields: Mapping[str, object]) -> str:
    """What a JSON object is that lacks a field which results files have."""
    for names, meaning in _OBJECTS:
        if names <= fields.keys():
            return meaning
    if fields.keys() == {"images"}:
        return (
            "has `images` and nothing else, as the checkpoint of a run has; "
            "let the run finish, or put `info` and `detection_categories` back"
        )
    wanted = ("info", "detection_categories", "images")
    missing = " and ".join(f"`{name}`" for name in wanted if name not in fields)
    return f"lacks {missing}, which every results file has"
