"""A lease: the right to work on one unit of a job, and what is known of earlier attempts at it."""

from collections.abc import Mapping

import msgspec

#: A shard runs guarded after so many losses of which it is known that a child process died, or
#: after so many of which nothing is known.
_GUARDED_AFTER_DEATHS, _GUARDED_AFTER_LOSSES = 1, 2
#: An image is given up after so many deaths of the process that was at it, or losses of both kinds.
_MOST_DEATHS, _MOST_LOSSES = 3, 6


class Suspicion(msgspec.Struct, frozen=True, array_like=True):
    """How often a shard was lost while one of its images was noted."""

    #: Losses of which it is known that the worker's child died.
    deaths: int
    #: Others: the worker fell silent, with everything it was.
    silences: int

    @property
    def proven(self) -> bool:
        return self.deaths >= _MOST_DEATHS or self.deaths + self.silences >= _MOST_LOSSES


class Lease(msgspec.Struct, frozen=True):
    """The right to work on one unit of a job until it runs out or is given back."""

    job_id: str
    #: A shard's seven digits, `plan` or `merge`.
    unit: str
    token: str
    #: Attempts of this unit so far that ended with an error of its own, because the container's
    #: storage was away, and without a word while no image was noted.
    errors: int = 0
    outages: int = 0
    losses: int = 0
    #: Of those losses: the child of a worker died that lived on.
    deaths: int = 0
    #: The images that were noted when an attempt was lost, by their position among the shard's.
    suspects: Mapping[int, Suspicion] = {}
    #: The job was cancelled: a merge takes what is finished.
    cancelled: bool = False
    #: Why listing was aborted, if it was: a merge takes what is finished, and the job has failed.
    reason: str = ""

    @property
    def guarded(self) -> bool:
        """Whether the shard is to be run one image at a time, each noted before it is touched."""
        enough = self.deaths >= _GUARDED_AFTER_DEATHS or self.losses >= _GUARDED_AFTER_LOSSES
        return enough or bool(self.suspects)

    @property
    def given_up(self) -> frozenset[int]:
        """Positions of images on which too many attempts died."""
        return frozenset(at for at, suspicion in self.suspects.items() if suspicion.proven)

    @property
    def suspected(self) -> tuple[int, ...]:
        """Positions of the other images on which attempts died; they go first, alone."""
        return tuple(sorted(set(self.suspects) - self.given_up))
