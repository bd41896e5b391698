"""Who looks at a page: by a link, by having signed in, by a key, or from the service's machine."""

import msgspec
from flask import request

from api.auth import Keys, caller_from
from api.link_service import LINK_READER, LinkService
from api.problems import LinkUnknown
from api.sign_in import COOKIE, SignIns, checked_reader
from core.keys import Caller
from core.links import Gives


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who may look at a job."""

    caller: Caller
    #: What they may have of it.
    gives: frozenset[Gives]
    #: The token of the link that they came by.
    token: str | None = None


class PageAccess:
    """One of these serves all requests of a process."""

    def __init__(self, keys: Keys, sign_ins: SignIns, links: LinkService) -> None:
        self._keys = keys
        self._sign_ins = sign_ins
        self._links = links

    def caller(self) -> Caller:
        """Who sent the request that is being answered; they may read.

        Raises KeyNeeded or KeyUnknown, which are answered with the form that asks for a key, or
        ScopeMissing.
        """
        return checked_reader(self._signed_in() or caller_from(request, self._keys))

    def viewer(self, job_id: str, gives: Gives) -> Viewer:
        """Who wants to have this of that job.

        Raises LinkUnknown, LinkExpired or JobGone for a link, else as `caller` does. Whether the
        job is theirs is for JobService to say.
        """
        token = request.args.get("link")
        if not token:
            return Viewer(self.caller(), frozenset(Gives))
        followed = self._links.follow(token)
        if followed.job_id != job_id or gives not in followed.link.gives:
            raise LinkUnknown()
        return Viewer(LINK_READER, frozenset(followed.link.gives), token)

    def _signed_in(self) -> Caller | None:
        cookie = request.cookies.get(COOKIE)
        return self._sign_ins.caller(cookie) if cookie else None
