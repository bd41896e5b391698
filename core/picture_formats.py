"""Which picture formats are read, told by a file's first bytes and never by its name."""

# (first bytes, format)
_READ: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)

# Many a text begins with "BM"; a bitmap goes on with one of these header sizes at byte 14.
_BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))

# (offset, bytes) of pictures that are known and not read: camera raw files, HEIC and its kin, and
# those whose reader would run or unpack what the file holds (EPS, FITS).
_NOT_READ: tuple[tuple[int, bytes], ...] = (
    (8, b"CR\x02\0"),  # Canon CR2, which begins as a TIFF
    (0, b"IIRO"),  # Olympus ORF
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # Panasonic RW2
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"FOVb"),  # Sigma X3F
    (0, b"\0MRM"),  # Minolta MRW
    (0, b"\0\0\0\x0cjP  \r\n"),  # JPEG 2000
    (0, b"\xff\x4f\xff\x51"),
    (0, b"\0\0\0\x0cJXL \r\n"),
    (0, b"\xff\x0a"),
    (0, b"8BPS"),  # Photoshop
    (0, b"%!PS-Adobe-"),  # EPS, and with a preview in front
    (0, b"\xc5\xd0\xd3\xc6"),
    (0, b"SIMPLE  ="),  # FITS
    (0, b"\0\0\1\0"),  # ICO
    *((4, b"ftyp" + brand) for brand in (b"hei", b"hev", b"mif1", b"msf1", b"avi", b"crx ")),
)


def format_of(data: bytes) -> str | None:
    """`jpeg`, `png`, `gif`, `tiff`, `bmp` or `webp`; None for a format that is not read."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:2] == b"BM" and data[14:18] in _BMP_HEADERS:
        return "bmp"
    if is_known_but_not_read(data):
        return None
    return next((name for magic, name in _READ if data.startswith(magic)), None)


def is_known_but_not_read(data: bytes) -> bool:
    return any(data.startswith(magic, offset) for offset, magic in _NOT_READ)
