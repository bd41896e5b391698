"""Chooses images in one pass and little memory; the same file and seed give the same ones."""

import hashlib
import heapq


class Sample:
    """So many of all that are offered; each has the same chance."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = str(seed).encode()[: hashlib.blake2b.MAX_KEY_SIZE]
        # Those with the lowest hashes, the highest of them first.
        self._heap: list[tuple[int, int]] = []

    def offer(self, index: int, name: str) -> None:
        """`index`: where the image stands. Its name alone decides, and not its place."""
        digest = hashlib.blake2b(name.encode(), digest_size=8, key=self._seed).digest()
        entry = (-int.from_bytes(digest, "big"), -index)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif self._heap and entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def indices(self) -> list[int]:
        """Where the chosen images stand, in file order."""
        return sorted(-index for _, index in self._heap)
