"""What the API does with links, free of HTTP: make, show, revoke, open."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from api.job_service import JobService
from api.problems import JobExpired, LinkExpired, LinkUnknown, TooManyLinks
from core.errors import JobNotFound
from core.jobs import utc_now
from core.keys import Caller, Scope
from core.links import LINK_DAYS, Gives, Link, Links, new_link_id, standing_id

#: A job's links are read one by one, within the time that an answer may take.
MOST_LINKS = 50

#: Reads for whoever holds a link. Only ever for the job that `LinkService` gave for its token.
LINK_READER = Caller("", frozenset({Scope.ADMIN}))


class Followed(msgspec.Struct, frozen=True):
    """A link that somebody has followed."""

    job_id: str
    link: Link


class LinkService:
    """One of these serves all requests of a process; it is safe between threads."""

    def __init__(self, service: JobService, links: Links) -> None:
        self._service = service
        self._links = links

    def create(
        self,
        job_id: str,
        caller: Caller,
        *,
        gives: Sequence[Gives] = tuple(Gives),
        days: int = LINK_DAYS,
    ) -> tuple[Link, str]:
        """A new link and its token. The job need not have ended.

        Raises JobNotFound, JobGone, JobExpired or TooManyLinks.
        """
        made = self._new(job_id, caller, gives, days)
        self._make_room(job_id, made.created_at)
        link = self._links.add(job_id, made)
        return link, self._links.token(job_id, link)

    def standing(
        self, job_id: str, caller: Caller, *, names: Mapping[Gives, str], days: int
    ) -> tuple[Link, str]:
        """The standing link of a job and its token: the same whenever it is asked for, until it is
        revoked, and then another.

        `names`: what it gives, with the last part of each file's URL. Raises as `create` does, but
        for TooManyLinks.
        """
        made = self._new(job_id, caller, tuple(names), days)
        for number in itertools.count():
            one = msgspec.structs.replace(
                made, id=standing_id(number), names=dict(names), standing=True
            )
            link = self._links.add(job_id, one)
            if not link.revoked:
                break
        return link, self._links.token(job_id, link)

    def _new(self, job_id: str, caller: Caller, gives: Sequence[Gives], days: int) -> Link:
        now = utc_now()
        expires = min(now + timedelta(days=days), self._service.kept_until(job_id, caller))
        if expires <= now:
            raise JobExpired("The job has expired, and is deleted soon; it gets no more links.")
        return Link(
            id=new_link_id(),
            gives=tuple(dict.fromkeys(gives)),
            created_at=now,
            expires_at=expires.replace(microsecond=0),
        )

    def _make_room(self, job_id: str, now: datetime) -> None:
        """Forget expired links of a job that has many. Raises TooManyLinks."""
        ids = self._links.ids(job_id)
        if len(ids) < MOST_LINKS:
            return
        standing = self._read(job_id, ids)
        expired = [link for link in standing if link.expires_at <= now]
        for link in expired:
            self._links.revoke(job_id, link)
        if len(standing) - len(expired) >= MOST_LINKS:
            raise TooManyLinks()

    def of_job(self, job_id: str, caller: Caller) -> list[Link]:
        """The links of a job, oldest first; not their tokens. Raises JobNotFound or JobGone."""
        self._service.shown(job_id, caller)
        links = self._read(job_id, self._links.ids(job_id))
        return sorted(links, key=lambda link: link.created_at)

    def _read(self, job_id: str, ids: Sequence[str]) -> list[Link]:
        found = []
        for link_id in ids:
            try:
                found.append(self._links.find(job_id, link_id))
            except FileNotFoundError:
                continue  # revoked while we were looking
        return found

    def revoke(self, job_id: str, link_id: str, caller: Caller) -> None:
        """End a link at once. Raises JobNotFound, JobGone or LinkUnknown."""
        self._service.shown(job_id, caller)
        try:
            link = self._links.find(job_id, link_id)
        except FileNotFoundError:
            raise LinkUnknown("This job has no such link; see the list of its links.") from None
        self._links.revoke(job_id, link)

    # Following.

    def open(self, token: str, gives: Gives) -> str:
        """The id of the job that the link with this token gives this of.

        Show it to LINK_READER, which JobService and ResultFiles take for a caller; they raise
        JobGone when the job was deleted. Raises LinkUnknown (404: none of ours, revoked, or it
        gives something else), LinkExpired (410) or JobGone (410).
        """
        followed = self.follow(token)
        if gives not in followed.link.gives:
            raise LinkUnknown()
        return followed.job_id

    def follow(self, token: str) -> Followed:
        """The link of this token. Raises as `open` does."""
        content = self._links.read_token(token)
        if content is None:
            raise LinkUnknown()
        if content.expires_at <= utc_now():
            raise LinkExpired()
        try:
            link = self._links.find(content.job_id, content.link_id)
        except FileNotFoundError:
            self._refuse_gone(content.job_id)
            raise LinkUnknown() from None
        if content.expires_at != link.expires_at:
            raise LinkUnknown()  # of another link, which had this one's id before it
        return Followed(content.job_id, link)

    def _refuse_gone(self, job_id: str) -> None:
        try:
            self._service.shown(job_id, LINK_READER)
        except JobNotFound:
            raise LinkUnknown() from None
