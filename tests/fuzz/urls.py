"""Target: URLs that people hand in. None leads astray, and of none does the secret survive."""

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from core.config import Settings
from core.containers.guard import Guard, locate
from core.containers.sas import check_read_sas, check_sas, parse_sas
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed
from core.secrets import has_secret, redact, without_secrets

_NOW = datetime(2026, 5, 1, tzinfo=UTC)
#: As in a real signature; a whole one is longer.
CANARY = "Canary0123456789Canary"
_ADDRESSES = ("20.60.1.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "::1", "127.0.0.1")
_URL = "https://a.blob.core.windows.net/c"


def seeds() -> Iterator[bytes]:
    for url in (
        *(f"{_URL}?sv=2024-11-04&sp=rl&sr=c&st=2026-01-01&se=2026-06-01T00:00:00Z&sig=S", _URL),
        *(
            f"{_URL}/a%20b.jpg?snapshot=1&sig=S",
            f"{_URL}?si=policy&sr=c&sig=S",
            f"{_URL}?ss=b&srt=co",
        ),
        *(
            "https://[::1]:443/",
            "https://[::ffff:127.0.0.1]/",
            "https://0x7f.1/",
            "http://2130706433",
        ),
        *("https://me:pw@a.blob.core.windows.net/", "https://a.blob.core.windows.net.evil.com/"),
        *("https://xn--bcher-kva.example/", "https://b\u00fccher.example/", "https://a.\u3002b/"),
        *(
            "file:///etc/passwd",
            "gopher://x",
            "//x/y",
            "https:",
            "",
            "/",
            "?sig=S",
            "#",
            "https://[bad",
        ),
        *(
            f"{_URL}?se=0001-01-01T00:00:00%2B14:00&sig=S",
            f"{_URL}?st=9999-12-31T23:59-14:00&sig=S",
        ),
        *(
            "redis://:pw@h:1/0",
            "Authorization: Bearer x",
            "x mgb_abcdefghijkl",
            "whsec_abcdefghijkl",
        ),
        *("/links/token/results.json", "/jobs/1?link=token", "AccountKey=abc==;x", "sig='x'"),
    ):
        yield url.encode()


def check(data: bytes) -> None:
    text = data.decode(errors="replace")
    _check_location(text)
    _check_guard(text, _ADDRESSES[len(data) % len(_ADDRESSES)])
    _check_sas(text)
    _check_shown(text)
    _check_secrets(text)


def _check_location(text: str) -> None:
    try:
        location = locate(text)
    except UrlNotAllowed as error:
        assert error.message
        return
    origin = location.origin
    assert origin.scheme in ("https", "http") and 0 < origin.port < 65536
    assert origin.host == origin.host.lower() and origin.host.isascii()
    assert not set(origin.host) & set("/?#@\\ %[]") and location.target.startswith("/")
    assert not any(letter < " " or letter == "\x7f" for letter in location.target)
    again = locate(f"{origin.scheme}://{origin.host_header}{location.target}")
    assert (again.origin, again.target) == (origin, location.target)


def _check_guard(text: str, address: str) -> None:
    """With the settings as they come: of Azure's hosts alone, over https, at public addresses."""
    try:
        location, reached = Guard(Settings(), resolve=lambda *_: [address]).check(text)
    except (UrlNotAllowed, ContainerError, StorageTrouble):
        return
    origin = location.origin
    assert (origin.scheme, origin.port) == ("https", 443)
    assert origin.host.endswith(".blob.core.windows.net")
    assert reached == address == "20.60.1.1"
    assert ipaddress.ip_address(reached).is_global


def _check_sas(text: str) -> None:
    sas = parse_sas(text)
    assert sas.expires is None or sas.expires.tzinfo is not None
    for look in (check_sas, check_read_sas):
        for url in (
            text,
            f"{_URL}?{text}&sig={CANARY}",
            f"{_URL}?sr=c&sp=rl&se={text}&sig={CANARY}",
        ):
            try:
                look(url, _NOW)
            except ContainerError as error:
                assert CANARY not in error.message
                assert not error.code.startswith("container")


def _check_shown(text: str) -> None:
    shown = without_secrets(text)
    assert without_secrets(shown) == shown
    assert not has_secret(shown)


def _check_secrets(text: str) -> None:
    """Whatever stands around a secret, it is not shown."""
    inner = quote(text, safe="/&=+%")
    for name in ("sig", "X-Amz-Signature"):
        for url in (f"{_URL}/{inner}?{name}={CANARY}", f"{_URL}?{inner}&{name}={CANARY}&{inner}"):
            assert CANARY not in without_secrets(url)
            assert has_secret(url)
            for around in (url, f"'{url}'{text}", f"{text}\n{url}\n{text}"):
                assert CANARY not in redact(around), around
    for told in _told():
        assert CANARY not in redact(f"{text} {told} {text}"), told


def _told() -> Sequence[str]:
    """How secrets stand in texts that are no URLs."""
    return (
        *(f"Authorization: Bearer {CANARY}", f"{{'Authorization': 'Basic {CANARY}'}}"),
        *(f"key mgb_{CANARY}", f"whsec_{CANARY}", f"redis://:{CANARY}@h:6379/0"),
        *(f"GET /links/{CANARY}/results.json", f"GET /jobs/{'a' * 32}?link={CANARY}"),
        *(f"AccountKey={CANARY};EndpointSuffix=x", f"SharedAccessSignature={CANARY}"),
    )
