"""Sealing of SAS URLs, and keeping secrets out of logs and names."""

import logging
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import ConfigError

# The query parameters of the Azure SAS: `sig` is the secret, the others tell how it may be used.
# Source: Microsoft Learn, "Create a service SAS", "Create an account SAS", "user delegation SAS".
_SAS_PARAMETERS = frozenset(
    [
        *("sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "sig", "si", "sdd", "ses"),
        *("saoid", "suoid", "scid", "skoid", "sktid", "skt", "ske", "sks", "skv"),
        *("rscc", "rscd", "rsce", "rscl", "rsct"),
    ]
)
_SECRETS = re.compile(
    r"(?i)\b(sig|accountkey|sharedaccesssignature|x-ms-copy-source)=[^&\s\"'<>;,)]+"
    r"|\b(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer|sharedkey)?)\s*[^\s'\",]+"
    r"|(redis(?:s)?://[^:@/\s]*):[^@/\s]+@"
)
# What follows a link, up to the token in it: `/links/TOKEN/...` and `/jobs/ID?link=TOKEN`. Below a
# job's id stand ids of links, which are no secrets.
_LINK_TOKENS = re.compile(r"(?i)((?<![0-9a-f]{32})/links/|[?&]link=)[^/?&\s'\"]+")


class Sealer:
    """Encrypts secrets for our storage and Redis. The first key seals, all open (rotation)."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError(
                "MEGABATCH_SECRET_KEYS is not set. Make a key with `megabatch secret-key` and give "
                "the same one to the API and to every worker."
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise ConfigError(
                "MEGABATCH_SECRET_KEYS holds something that is not a key; "
                "make one with `megabatch secret-key`."
            ) from error

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """Raises ConfigError when none of the keys sealed this."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise ConfigError(
                "A sealed value cannot be opened: MEGABATCH_SECRET_KEYS lacks the key that sealed "
                "it. Give the API and the workers the same keys, and keep old ones in the list."
            ) from error

    def __repr__(self) -> str:
        return "Sealer(<hidden>)"


def new_secret_key() -> str:
    return Fernet.generate_key().decode()


def without_secrets(url: str) -> str:
    """The URL without its SAS parameters, user info and fragment: fit to be shown and stored."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(key, value) for key, value in query if key.lower() not in _SAS_PARAMETERS])
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, kept, ""))


def has_secret(url: str) -> bool:
    return without_secrets(url) != url


def redact(text: str) -> str:
    """The text with every signature, key, password and link token in it replaced by `<hidden>`."""

    def hidden(match: re.Match[str]) -> str:
        if match[1]:
            return f"{match[1]}=<hidden>"
        return f"{match[2]} <hidden>" if match[2] else f"{match[3]}:<hidden>@"

    return _LINK_TOKENS.sub(r"\1<hidden>", _SECRETS.sub(hidden, text))


class RedactingFormatter(logging.Formatter):
    """A log formatter that redacts the finished line, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
