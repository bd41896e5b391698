"""The files of jobs that have ended, on their way out. Free of HTTP."""

from functools import partial

import msgspec

from api.downloads import Download
from api.job_service import JobService
from api.problems import JobDamaged, NoResults
from core.download_names import download_name
from core.errors import ResultsNotReady
from core.job_folder import JobFolder
from core.jobs import FileKind, FinalRecord, StoredFile
from core.keys import Caller


class Found(msgspec.Struct, frozen=True):
    """A file of a job, known to stand."""

    final: FinalRecord
    kind: FileKind
    file: StoredFile


class ResultFiles:
    """Finds what the final records name; no other file is ever handed out."""

    def __init__(self, service: JobService, folder: JobFolder, patient_folder: JobFolder) -> None:
        """Both folders are of one storage; the second has time for long reads."""
        self._service = service
        self._folder = folder
        self._patient_folder = patient_folder

    def find(self, job_id: str, kind: FileKind, caller: Caller) -> Found:
        """A file of a job that this caller sees.

        Raises ResultsNotReady, NoResults, JobNotFound, JobGone, JobDamaged or Unavailable. Of a job
        that has ended the storage alone is asked.
        """
        self._service.shown(job_id, caller)
        try:
            final = self._folder.read_final(job_id)
        except FileNotFoundError:
            self._service.view(job_id, caller)
            raise ResultsNotReady() from None
        except ValueError as error:
            raise JobDamaged() from error
        file = final.file(kind)
        if file is None:
            raise NoResults(f"The job has no such file: {final.reason or 'nothing was found'}")
        try:
            self._folder.results_size(file.path)
        except FileNotFoundError as error:
            raise NoResults("This file of the job is no longer kept.") from error
        return Found(final, kind, file)

    def download(self, found: Found, name: str = "") -> Download:
        """The file as it is sent. `name`: what it is called, where not as usual."""
        final, file = found.final, found.file
        return Download(
            name=name or download_name(final.id, final.name, final.finished_at, found.kind),
            mimetype="application/json",
            size=file.bytes,
            digest=file.digest,
            pieces=partial(self._patient_folder.results_pieces, file.path),
        )

    def url(self, found: Found) -> str | None:
        """Where our storage itself gives the file for some minutes; None where it cannot."""
        return self._folder.results_url(found.file.path)
