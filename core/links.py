"""Links: what lets somebody without a key read files of one job, until it expires or is revoked.

`jobs/{id}/links/{link id}.json` says what a link gives. Its token names the job, the link and the
expiry, and proves by an HMAC that it was made here: a forged or an expired one is refused before
our storage is asked.
"""

import base64
import enum
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from core.config import Settings
from core.job_paths import part_path

if TYPE_CHECKING:
    from core.salt import Salt
    from core.storage import Storage

#: Days that a link works where nobody says otherwise.
LINK_DAYS = 30

#: A token in bytes: 16 of the job's id, 8 of the link's, 5 of the expiry, 16 of the proof. As text
#: it has 60 letters, none of them padding.
_JOB, _LINK, _EXPIRY, _PROOF = 16, 8, 5, 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{60}", re.ASCII)
_LINK_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_STANDING = "2019" * 3


class Gives(enum.StrEnum):
    """What a link gives to read."""

    RESULTS = "results"
    FAILED_IMAGES = "failed-images"
    IMAGE_LIST = "image-list"
    #: The page that shows the job.
    PAGE = "page"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is kept: all but its token."""

    id: str
    gives: tuple[Gives, ...]
    created_at: datetime
    #: In whole seconds.
    expires_at: datetime
    #: The last part of each file's URL, where it is not `results.json` and the like.
    names: dict[Gives, str] = {}
    #: Made again under the same id whenever it is asked for: see `standing_id`.
    standing: bool = False
    #: What is left of a standing link that was revoked.
    revoked: bool = False

    def name(self, gives: Gives) -> str:
        """The last part of a file's URL."""
        return self.names.get(gives, f"{gives}.json")

    def named(self, name: str) -> Gives | None:
        """The file whose URL ends so; None where the link gives no such."""
        files = (gives for gives in self.gives if gives is not Gives.PAGE)
        return next((gives for gives in files if self.name(gives) == name), None)


class TokenContent(msgspec.Struct, frozen=True):
    """What a token says, once it has been proven to be one of ours."""

    job_id: str
    link_id: str
    expires_at: datetime


class Links:
    """The links of one storage. Each method may raise JobFolderTrouble."""

    def __init__(self, storage: "Storage", salt: "Salt") -> None:
        self._storage = storage
        self._salt = salt

    def add(self, job_id: str, link: Link) -> Link:
        """Keep a link. Returns the one that stands under its id: this one, or an earlier one,
        which may have been revoked.
        """
        data = self._storage.create(_path(job_id, link.id), msgspec.json.encode(link))
        return msgspec.json.decode(data, type=Link)

    def find(self, job_id: str, link_id: str) -> Link:
        """Raises FileNotFoundError for a link that never was, or was revoked."""
        if not _LINK_ID.fullmatch(link_id):
            raise FileNotFoundError(link_id)
        link = msgspec.json.decode(self._storage.read(_path(job_id, link_id)), type=Link)
        if link.revoked:
            raise FileNotFoundError(link_id)
        return link

    def ids(self, job_id: str) -> list[str]:
        """Of links that `find` may find; it does not find those that were revoked."""
        return [
            name.removesuffix(".json") for name in self._storage.names(part_path(job_id, "links"))
        ]

    def revoke(self, job_id: str, link: Link) -> None:
        """The link works no more, from now on."""
        path = _path(job_id, link.id)
        if link.standing:
            # Deleted, it would be made again, and its old token with it.
            revoked = msgspec.structs.replace(link, revoked=True)
            self._storage.replace(path, msgspec.json.encode(revoked))
        else:
            self._storage.delete(path)

    # Tokens.

    def token(self, job_id: str, link: Link) -> str:
        """The secret part of the link's URLs; the same whenever it is asked for."""
        expiry = int(link.expires_at.timestamp())
        content = bytes.fromhex(job_id + link.id) + expiry.to_bytes(_EXPIRY)
        return base64.urlsafe_b64encode(content + self._proof(content)).decode()

    def read_token(self, token: str) -> TokenContent | None:
        """What a token says, expired or not; None for one that was not made here."""
        if not _TOKEN.fullmatch(token):
            return None
        data = base64.urlsafe_b64decode(token)
        content, proof = data[:-_PROOF], data[-_PROOF:]
        if not hmac.compare_digest(proof, self._proof(content)):
            return None
        expiry = int.from_bytes(content[-_EXPIRY:])
        return TokenContent(
            job_id=content[:_JOB].hex(),
            link_id=content[_JOB : _JOB + _LINK].hex(),
            expires_at=datetime.fromtimestamp(expiry, UTC),
        )

    def _proof(self, content: bytes) -> bytes:
        return self._salt.derive("link", content.hex())[:_PROOF]


def new_link_id() -> str:
    return secrets.token_hex(_LINK)


def standing_id(number: int) -> str:
    """The id of a job's standing link: the first, from 0, or one that follows a revoked one."""
    return f"{_STANDING}{number:04x}"


def open_links(settings: Settings, *, impatient: bool = False) -> Links:
    """The links of the storage that the settings name; see `open_storage`."""
    # The command line takes its words from here, and does without the storage's library.
    from core.salt import open_salt
    from core.storage import open_storage

    storage = open_storage(settings, impatient=impatient)
    return Links(storage, open_salt(settings, impatient=impatient))


def _path(job_id: str, link_id: str) -> str:
    return f"{part_path(job_id, 'links')}{link_id}.json"
