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
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import msgspec

from core.ahead import ahead
from core.config import Settings
from core.errors import ConfigError
from core.image_list import decode_header, decode_image_list, encode_image_list
from core.job_paths import JOBS, file_path, part_path
from core.job_record import decode_shown, reseal_job
from core.retention import Retention
from core.sealing import Sealer
from core.storage import Storage, open_storage

_SALT, _WEBHOOK_SECRETS = "salt", "webhook-secrets/"
#: Jobs that are looked at at a time.
_AT_A_TIME = 16

#: What became of a file: the first key had sealed it, or has now, or no key of ours ever did; or
#: it cannot be read.
Outcome = Literal["as it was", "anew", "by none", "damaged"]
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
        with ThreadPoolExecutor(_AT_A_TIME, "reseal") as threads:
            job_ids = self._storage.folders(JOBS)
            for outcomes in ahead(threads, self._of_job, job_ids, 4 * _AT_A_TIME):
                yield from outcomes

    def _of_job(self, job_id: str) -> list[tuple[str, Outcome]]:
        record = file_path(job_id, "job.json")
        found: list[tuple[str, _Reseal]] = []
        if self._may_list_urls(record):
            found = [(path, _reseal_list) for path in self._below(part_path(job_id, "images"))]
        if self._retention.is_gone(job_id):
            # A run that was killed may have brought it back.
            self._storage.delete(record)
        else:
            urls = self._below(part_path(job_id, "container-urls"))
            found += [(path, _reseal_whole) for path in urls]
            found.append((record, reseal_job))
        return [one for path, reseal in found for one in self._reseal(path, reseal, job_id)]

    def _may_list_urls(self, path: str) -> bool:
        """Whether image lists may hold URLs, by the job's record; those of a container do not."""
        try:
            return decode_shown(self._storage.read(path)).request.container_url is None
        except (FileNotFoundError, ValueError):
            # A retry that lives yet reads the image lists of a job that was deleted.
            return True

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
        except ValueError:
            yield path, "damaged"
            return
        if after == before:
            yield path, "as it was"
            return
        self._storage.replace(path, after)
        if job_id and self._is_over(job_id, path):
            self._storage.delete(path)
        yield path, "anew"

    def _is_over(self, job_id: str, path: str) -> bool:
        """Whether this file of a job has gone, and must not come back.

        That a job is deleted is told before the first of its files goes. Its image lists may stay,
        for a retry that lives yet, until the deletion is over.
        """
        if not self._retention.is_gone(job_id):
            return False
        of_lists = path.startswith(part_path(job_id, "images"))
        return not (of_lists and self._retention.is_sweeping(job_id))


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
