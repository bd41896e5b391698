"""What is said about a job again and again, in files numbered from 1: the newest counts."""

from core.job_paths import NumberedPart, number_of, numbered_path, part_path
from core.storage import Storage


class NumberedWords:
    """Those of all jobs of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add(self, job_id: str, part: NumberedPart, word: bytes) -> int:
        """Keep a word; the how manyeth it is."""
        number = self.count(job_id, part) + 1
        while self._storage.create(numbered_path(job_id, part, number), word) != word:
            number += 1  # somebody else says something at the same time
        return number

    def count(self, job_id: str, part: NumberedPart) -> int:
        """How many there are."""
        names = self._storage.names(part_path(job_id, part))
        return number_of(names[-1]) if names else 0

    def read(self, job_id: str, part: NumberedPart, number: int) -> bytes:
        return self._storage.read(numbered_path(job_id, part, number))
