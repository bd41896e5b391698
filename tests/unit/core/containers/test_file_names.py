import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.containers.file_names import file_name_of, listed_name

_file_names = st.lists(
    st.sampled_from([b"a", b"\\", b"\\x", b"\\x5c", b"x5c", b"\xe9", b"e9", "é".encode(), b"5"])
).map(b"".join)


@given(_file_names | st.binary().filter(lambda name: b"\0" not in name))
def test_every_file_name_is_text_for_json_and_leads_back(on_disk: bytes) -> None:
    name = listed_name(os.fsdecode(on_disk))
    assert msgspec.json.decode(msgspec.json.encode(name)) == name
    assert os.fsencode(file_name_of(name)) == on_disk


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        (b"a.jpg", "a.jpg"),
        ("é.jpg".encode(), "é.jpg"),
        (b"caf\xe9.jpg", "caf\\xe9.jpg"),
        (b"caf\\xe9.jpg", "caf\\x5cxe9.jpg"),
        (b"C:\\x.jpg", "C:\\x.jpg"),
        (b"a\\b.jpg", "a\\b.jpg"),
    ],
)
def test_listed_name(on_disk: bytes, name: str) -> None:
    assert listed_name(os.fsdecode(on_disk)) == name


@pytest.mark.parametrize("name", ["a\0.jpg", "\ud800\\xe9.jpg"])
def test_names_that_no_file_has_are_refused(name: str) -> None:
    with pytest.raises(ValueError):
        file_name_of(name)


_units = st.lists(st.sampled_from([*b"a\xe9", 0xD83D, 0xDE00, 0x301]) | st.integers(1, 0xFFFF))


@given(_units.filter(lambda units: ord("\\") not in units))
def test_every_name_of_windows_is_text_for_json_and_leads_back(units: list[int]) -> None:
    in_memory = b"".join(unit.to_bytes(2, "little") for unit in units)
    on_disk = in_memory.decode("utf-16-le", "surrogatepass")
    name = listed_name(on_disk, windows=True)
    assert msgspec.json.decode(msgspec.json.encode(name)) == name
    assert file_name_of(name, windows=True) == on_disk


def test_half_a_pair_is_written_as_its_number() -> None:
    assert listed_name("a/\ud83d.jpg", windows=True) == "a/\\ud83d.jpg"
    assert listed_name("\N{GRINNING FACE}é.jpg", windows=True) == "\N{GRINNING FACE}é.jpg"


@pytest.mark.parametrize("name", ["a\0.jpg", "\ud83d.jpg"])
def test_names_that_no_file_has_are_refused_on_windows(name: str) -> None:
    with pytest.raises(ValueError):
        file_name_of(name, windows=True)
