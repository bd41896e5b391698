"""What a SAS URL says of itself, before Azure is asked: rights, times, and what it is for.

Parameters as in Microsoft Learn, "Create a service SAS", "Create an account SAS" and "Create a user
delegation SAS".
"""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import msgspec

from core.errors import ContainerError

_HOW = (
    "make a SAS for the container with Read and List ticked (in the portal: the container, Shared "
    "access tokens; or `az storage container generate-sas --permissions rl --name CONTAINER "
    "--expiry DATE`)"
)
_HOW_TO_READ = "sign the URL anew, with Read, for longer than the job may take"


class Sas(msgspec.Struct, frozen=True):
    """The parameters of a SAS that tell how it may be used; never its signature."""

    #: Whether the URL is signed at all. Public containers need no signature.
    signed: bool
    #: `sp`: letters of the rights; empty where a stored policy holds them.
    rights: str = ""
    #: `st` and `se`, in UTC; None where a stored policy holds them, or they cannot be read.
    starts: datetime | None = None
    expires: datetime | None = None
    #: `si`: the name of a stored access policy, which Azure alone can look up.
    policy: str = ""
    #: `sr`: `c` for a container, `b` for a blob, `d` for a directory; empty for an account SAS.
    resource: str = ""
    #: `ss` and `srt` of an account SAS: its services, and its resource types.
    services: str = ""
    resource_types: str = ""

    def expired(self, now: datetime) -> bool:
        return self.expires is not None and self.expires <= now

    def too_early(self, now: datetime) -> bool:
        return self.starts is not None and self.starts > now


def parse_sas(url: str) -> Sas:
    """What the URL's query says. Reads every text: whether it is a URL is told by `locate`."""
    query = parse_qs(url.partition("#")[0].partition("?")[2], keep_blank_values=True)

    def value(name: str) -> str:
        return query.get(name, [""])[0]

    return Sas(
        signed=bool(value("sig")),
        rights=value("sp"),
        starts=_time(value("st")),
        expires=_time(value("se")),
        policy=value("si"),
        resource=value("sr"),
        services=value("ss"),
        resource_types=value("srt"),
    )


def _time(text: str) -> datetime | None:
    """A SAS time: ISO 8601, UTC, with a date alone allowed."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter: UTC has no such date
        return None


def check_sas(url: str, now: datetime) -> None:
    """Raises ContainerError when this URL's SAS cannot serve a job, and says what to do.

    A URL without a signature passes, since the container may be public; so do the rights and times
    that a stored access policy keeps.
    """
    sas = parse_sas(url)
    if not sas.signed:
        return
    _check_scope(sas)
    _check_rights(sas)
    if sas.expired(now):
        raise expired_error(sas)
    if sas.too_early(now):
        raise _error("sas_not_yet_valid", f"This SAS is valid only from {_utc(sas.starts)} on")


def check_read_sas(url: str, now: datetime) -> None:
    """Raises ContainerError when this URL's SAS says that it cannot read a blob, or not now.

    What it leaves open, as one with a stored access policy does, is left to the storage.
    """
    sas = parse_sas(url)
    if not sas.signed:
        return
    if sas.rights and "r" not in sas.rights:
        raise _read_error("sas_no_read", "This SAS lacks the permission Read")
    if sas.expired(now):
        raise _read_error("sas_expired", f"This SAS expired on {_utc(sas.expires)}")
    if sas.too_early(now):
        raise _read_error("sas_not_yet_valid", f"This SAS is valid only from {_utc(sas.starts)} on")


def _check_scope(sas: Sas) -> None:
    if sas.resource and sas.resource != "c":
        raise _error("sas_not_for_container", "This SAS is for a single blob or directory")
    if sas.resource or sas.policy:
        return
    if "b" not in sas.services or not {"c", "o"} <= set(sas.resource_types):
        raise _error(
            "sas_not_for_container",
            "This SAS does not cover the container and the blobs in it (an account SAS needs the "
            "service Blob and the resource types Container and Object)",
        )


def _check_rights(sas: Sas) -> None:
    if sas.policy and not sas.rights:
        return
    missing = [name for name, letter in (("Read", "r"), ("List", "l")) if letter not in sas.rights]
    if missing:
        code = "sas_no_list" if "List" in missing else "sas_no_read"
        word = "permissions" if len(missing) > 1 else "permission"
        raise _error(code, f"This SAS lacks the {word} {' and '.join(missing)}")


def expired_error(sas: Sas) -> ContainerError:
    return _error("sas_expired", f"This SAS expired on {_utc(sas.expires)}")


def no_list_error() -> ContainerError:
    return _error("sas_no_list", "This SAS lacks the permission List")


def _error(code: str, fault: str) -> ContainerError:
    return ContainerError(f"{fault}: {_HOW}.", pointer="/container_url", code=code)


def _read_error(code: str, fault: str) -> ContainerError:
    return ContainerError(f"{fault}: {_HOW_TO_READ}.", code=code)


def _utc(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC") if time else "an unknown date"
