"""Keeping secrets out of logs and names."""

import logging
import re
from urllib.parse import unquote

# What a signature in a URL is called, and what comes with it and is worth nothing without it. A
# parameter of such a name in a URL that is not signed is one like any other.
# Sources: Microsoft Learn, "Create a service SAS", "Create an account SAS", "user delegation SAS";
# AWS, "Signature Version 4" and "Signature Version 2"; Google Cloud, "Signed URLs".
_SIGNATURES = frozenset({"sig", "signature", "x-amz-signature", "x-goog-signature"})
_OF_SIGNATURES = _SIGNATURES | {
    *("sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "si", "sdd", "ses"),
    *("saoid", "suoid", "scid", "skoid", "sktid", "skt", "ske", "sks", "skv"),
    *("rscc", "rscd", "rsce", "rscl", "rsct"),
    *("expires", "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy"),
}
_OF_SIGNATURES_START = ("x-amz-", "x-goog-")
_SECRETS = re.compile(
    r"(?i)\b(sig|signature|x-(?:amz|goog)-signature|accountkey|sharedaccesssignature|x-ms-copy-source)=[^&\s\"'<>;,)]+"
    # No two `\s*` stand side by side: each way to share many blanks among them would be tried.
    r"|\b(authorization['\"]?\s*[:=]\s*(?:['\"]\s*)?"
    r"(?:(?:bearer|basic|digest|sharedkey(?:lite)?|token)\s+)?)[^\s'\",]+"
    r"|(redis(?:s)?://[^:@/\s]*):[^@/\s]+@"
    # Our own: an API key, and what signs messages to webhooks.
    r"|\b(mgb_|whsec_)[A-Za-z0-9_+/=-]{8,}"
)
# What follows a link, up to the token in it: `/links/TOKEN/...` and `/jobs/ID?link=TOKEN`. Below a
# job's id stand ids of links, which are no secrets.
_LINK_TOKENS = re.compile(r"(?i)((?<![0-9a-f]{32})/links/|[?&]link=)[^/?&\s'\"]+")


# Where none of these stands, lower case, there is no secret: so it is with most lines of a log.
_SIGNS = ("=", ":", "mgb_", "whsec_", "/links/")


def without_secrets(url: str) -> str:
    """The URL without its signature, user info and fragment: fit to be shown and stored.

    What is left of it is left as it was written, for it may be the name of an image.
    """
    address, _, query = url.partition("#")[0].partition("?")
    scheme, colon, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    shown = f"{scheme}{colon}{authority.rpartition('@')[2]}{slash}{path}"
    kept = _unsigned(query)
    return f"{shown}?{kept}" if kept else shown


def _unsigned(query: str) -> str:
    parts = query.split("&")
    names = [unquote(part.partition("=")[0]).lower() for part in parts]
    if _SIGNATURES.isdisjoint(names):
        return query
    return "&".join(
        part
        for part, name in zip(parts, names, strict=True)
        if name not in _OF_SIGNATURES and not name.startswith(_OF_SIGNATURES_START)
    )


def has_secret(url: str) -> bool:
    return without_secrets(url) != url


def redact(text: str) -> str:
    """The text with every signature, key, password and link token in it replaced by `<hidden>`."""
    lowered = text.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return text

    def hidden(match: re.Match[str]) -> str:
        if match[1]:
            return f"{match[1]}=<hidden>"
        if match[2]:
            return f"{match[2].rstrip()} <hidden>"
        return f"{match[3]}:<hidden>@" if match[3] else f"{match[4]}<hidden>"

    return _LINK_TOKENS.sub(r"\1<hidden>", _SECRETS.sub(hidden, text))


class RedactingFormatter(logging.Formatter):
    """A log formatter that redacts the finished line, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
