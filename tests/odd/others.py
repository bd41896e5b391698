"""Files that are called pictures and are none, or none of a kind that is read."""

import gzip
import io
import struct
import wave
import zipfile
from collections.abc import Iterator

from core.failures import FailureCode
from tests.odd.base import PICTURE, OddImage
from tests.pictures import encoded, jpeg

_NOT = FailureCode.NOT_AN_IMAGE
_OTHER = FailureCode.UNSUPPORTED_FORMAT

_SIGN_IN = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>...</body></html>\n"
_REFUSED = (
    b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed'
    b"</Code><Message>Server failed to authenticate the request.</Message></Error>"
)
_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def other_files() -> Iterator[OddImage]:
    yield OddImage("other/nothing.jpg", b"", FailureCode.EMPTY_FILE)
    for name, data in _no_pictures().items():
        yield OddImage(f"other/{name}", data, _NOT)
    for name, data in _unread_pictures().items():
        yield OddImage(f"unread/{name}", data, _OTHER)


def _no_pictures() -> dict[str, bytes]:
    return {
        "text.jpg": b"Camera 4 was stolen in May.\n",
        "text in UTF-16.jpg": "Camera 4 was stolen in May.\n".encode("utf-16"),
        "text that begins like a bitmap.bmp": b"BM is how this text begins, and it goes on.\n",
        "sign in.jpg": _SIGN_IN,
        "refused.jpg": _REFUSED,
        "drawing.svg": _SVG,
        "answer.json": b'{"error": "not found"}',
        "pointer.jpg": _POINTER,
        "a picture's letters.jpg": jpeg().hex().encode(),
        "zeros.jpg": bytes(4096),
        "ones.jpg": b"\xff" * 4096,
        "one byte.jpg": b"\xff",
        "two bytes.jpg": b"\xff\xd8",
        "a byte before.jpg": b"\0" + jpeg(),
        "of a Mac.jpg": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(4000),
        "sound.wav": _sound(),
        "film.mp4": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(1000),
        "film.avi": b"RIFF\x24\0\1\0AVI LIST" + bytes(1000),
        "archive.zip": _archive(),
        "packed.jpg": gzip.compress(jpeg(), mtime=0),
        "packed.fits.gz": gzip.compress(_fits(), mtime=0),
        "report.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
        "program.jpg": b"\x7fELF\x02\x01\x01" + bytes(500),
    }


def _sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    return file.getvalue()


def _archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", jpeg())
    return file.getvalue()


def _fits() -> bytes:
    """An astronomer's picture. Source: FITS Standard 4.0, 4.4."""
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 9", "NAXIS2  = 9", "END")
    return b"".join(card.encode().ljust(80) for card in cards).ljust(2880) + bytes(2880)


def _unread_pictures() -> dict[str, bytes]:
    kinds = {
        "ICO": "icon.ico",
        "EPS": "print.eps",
        "JPEG2000": "wavelets.jp2",
        "AVIF": "phone.avif",
    }
    return {
        **{name: encoded(PICTURE, kind) for kind, name in kinds.items()},
        **_raw_files(),
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(900),
        "burst.heic": b"\0\0\0\x18ftyphevc\0\0\0\0mif1heic" + bytes(900),
        "a heic called a jpeg.jpg": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(900),
        "layers.psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HLLHH", 3, 48, 64, 8, 3) + bytes(900),
        "wavelets.j2k": b"\xff\x4f\xff\x51" + bytes(900),
        "new.jxl": b"\xff\x0a" + bytes(900),
        "new in a box.jxl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(900),
        "sky.fits": _fits(),
    }


def _raw_files() -> dict[str, bytes]:
    """Camera raw files: most are TIFFs whose first picture is a small preview."""
    return {
        "canon.cr2": b"II*\0\x10\0\0\0CR\x02\0" + bytes(900),
        "canon.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(900),
        "fuji.raf": b"FUJIFILMCCD-RAW 0201FF383501" + bytes(900),
        "olympus.orf": b"IIRO\x08\0\0\0" + bytes(900),
        "panasonic.rw2": b"IIU\0\x18\0\0\0" + bytes(900),
        "sigma.x3f": b"FOVb" + bytes(900),
        "minolta.mrw": b"\0MRM" + bytes(900),
        "nikon.nef": encoded(PICTURE, "TIFF", tiffinfo={254: 1}),
        "adobe.dng": encoded(PICTURE, "TIFF", tiffinfo={50706: b"\1\4\0\0"}),
    }
