"""Sealing anew what our storage keeps sealed, so that an old secret key can go.

    salt                              the salt of the service
    webhook-secrets/{caller}/{n}      what signs messages to webhooks
    jobs/{id}/job.json                the SAS URLs of a job
    jobs/{id}/container-urls/{n}      the fresh ones that came later
    jobs/{id}/images/{n}.ndjson       URLs of single images that carry a secret

Nothing else in it is sealed. Each file is written over with the same content, whole, so that
whoever reads it meanwhile notices nothing.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from core.config import Settings
from core.errors import ConfigError
from core.image_list import decode_header, decode_image_list, encode_image_list
from core.job_record import decode_shown, reseal_job
from core.retention import Retention
from core.sealing import Sealer
from core.storage import Storage, open_storage

_SALT, _WEBHOOK_SECRETS, _JOBS = "salt", "webhook-secrets/", "jobs/"

#: What became of a file: the first key had sealed it, or has now, or no key of ours ever did.
Outcome = Literal["as it was", "anew", "by none"]
#: The content of a file, sealed by the first key of a sealer.
_Reseal = Callable[[bytes, Sealer], bytes]


class Resealing:
    """One storage, and its keys."""

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        self._storage, self._sealer = storage, sealer
        self._retention = Retention(storage)

    def run(self) -> Iterator[tuple[str, Outcome]]:
        """The path of each file that may hold something sealed, and what became of it.

        Raises JobFolderTrouble; done again, it goes on with what is left.
        """
        for path in (_SALT, *self._below(_WEBHOOK_SECRETS)):
            yield from self._reseal(path, _reseal_whole)
        for job_id in self._storage.folders(_JOBS):
            yield from self._of_job(job_id)

    def _of_job(self, job_id: str) -> Iterator[tuple[str, Outcome]]:
        folder = f"{_JOBS}{job_id}/"
        try:
            request = decode_shown(self._storage.read(f"{folder}job.json")).request
        except FileNotFoundError:
            return  # it is being deleted, or was never accepted
        yield from self._reseal(f"{folder}job.json", reseal_job, job_id)
        for path in self._below(f"{folder}container-urls/"):
            yield from self._reseal(path, _reseal_whole, job_id)
        if request.container_url is None:
            for path in self._below(f"{folder}images/"):
                yield from self._reseal(path, _reseal_list, job_id)

    def _below(self, folder: str) -> list[str]:
        return [folder + name for name in self._storage.names(folder)]

    def _reseal(
        self, path: str, reseal: _Reseal, job_id: str = ""
    ) -> Iterator[tuple[str, Outcome]]:
        try:
            before = self._storage.read(path)
            after = reseal(before, self._sealer)
        except FileNotFoundError:
            return
        except ConfigError:
            yield path, "by none"
            return
        if after == before:
            yield path, "as it was"
            return
        self._storage.replace(path, after)
        # The job may have been deleted meanwhile, which is told before the first of its files goes.
        if job_id and self._retention.is_gone(job_id):
            self._storage.delete(path)
        yield path, "anew"


def _reseal_whole(data: bytes, sealer: Sealer) -> bytes:
    return sealer.reseal(data.decode()).encode()


def _reseal_list(data: bytes, sealer: Sealer) -> bytes:
    images = [
        msgspec.structs.replace(image, sealed_url=sealer.reseal(image.sealed_url))
        if image.sealed_url
        else image
        for image in decode_image_list(data)
    ]
    return encode_image_list(images, decode_header(data).position)


def open_resealing(settings: Settings) -> Resealing:
    """The storage that the settings name. Raises ConfigError."""
    return Resealing(open_storage(settings), Sealer(settings.secret_keys))
