"""The examination: part after part, none of which can stop the others, or last for ever."""

from collections.abc import Callable, Iterator
from threading import Thread

from cli.doctor import broker, gpu, model, settings, space, storage, workers
from cli.doctor.case import Case
from cli.doctor.finding import Finding, Findings, Part, fault, guarded

Examine = Callable[[Case], Findings]

#: Each part, how long it may take (s), and what examines it. The first is the storage's patience
#: for some requests; a model may lie on a slow network.
PARTS: tuple[tuple[Part, float, Examine], ...] = (
    (Part.SETTINGS, 30, settings.examine),
    (Part.BROKER, 30, broker.examine),
    (Part.WORKERS, 30, workers.examine),
    (Part.STORAGE, 60, storage.examine),
    (Part.SPACE, 30, space.examine),
    (Part.MODEL, 300, model.examine),
    (Part.GPU, gpu.SECONDS + 30, gpu.examine),
)
_ORDER = list(Part)


def examined(case: Case, begin: Callable[[Part], object]) -> list[Finding]:
    """All that is found, in the order of parts; `begin` is told of each that is begun."""
    found: list[Finding] = []
    for part, seconds, examine in PARTS:
        begin(part)
        found += bounded(part, seconds, examine, case)
    # Clocks are looked at on the way, where something else is asked anyhow.
    return sorted(found, key=lambda finding: _ORDER.index(finding.part))


def bounded(part: Part, seconds: float, examine: Examine, case: Case) -> Iterator[Finding]:
    """What is found within so many seconds; that it took longer is one more fault.

    Whoever asks a disk of a server that is gone never gets an answer: so it is left behind, in a
    thread that does not keep the program from ending.
    """
    found: list[Finding] = []

    def look() -> None:
        for finding in guarded(part, part, examine, case):
            found.append(finding)  # one by one: others look meanwhile

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    late = thread.is_alive()
    yield from tuple(found)
    if late:
        todo = "See what it waits for: a disk of a server that is gone, a network that swallows."
        yield fault(part, part, f"did not end within {seconds:g} s", todo)
