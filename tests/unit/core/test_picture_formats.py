import pytest

from core.picture_formats import format_of, is_known_but_not_read

BMP = b"BM" + bytes(12) + (40).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\xff\xd8\xff\xe0 rest", "jpeg"),
        (b"\x89PNG\r\n\x1a\n rest", "png"),
        (b"GIF89a rest", "gif"),
        (b"II*\0 rest", "tiff"),
        (b"MM\0* rest", "tiff"),
        (BMP, "bmp"),
        (b"RIFF\0\0\0\0WEBP", "webp"),
        (b"", None),
        (b"BM is how this text begins, and it goes on", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<html>404</html>", None),
        (b"II*\0\x10\0\0\0CR\x02\0", None),
        (b"\0\0\0\x18ftypheic", None),
    ],
)
def test_a_format_is_told_by_its_first_bytes(data: bytes, found: str | None) -> None:
    assert format_of(data) == found


def test_raw_files_and_their_kin_are_known() -> None:
    assert is_known_but_not_read(b"II*\0\x10\0\0\0CR\x02\0")
    assert is_known_but_not_read(b"\0\0\0\x18ftypheic")
    for start in (
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"\xc5\xd0\xd3\xc6",
        b"SIMPLE  =    T",
        b"\0\0\1\0\1",
    ):
        assert is_known_but_not_read(start)
        assert format_of(start) is None
    assert not is_known_but_not_read(b"<html>404</html>")
