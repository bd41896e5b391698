"""`megabatch reseal`: on the storage of a service, whether it runs or not."""

import os
from collections import Counter

import click

from cli.exit_codes import DONE, FAILED
from cli.terminal import say, say_error
from core.config import read_settings
from core.resealing import Resealing, open_resealing

#: What is said of single files.
_TOLD = {"by none": "sealed by none of the keys", "damaged": "cannot be read"}


@click.command("reseal")
def reseal() -> int:
    """Seal what a service keeps with its newest key.

    The newest is the first of MEGABATCH_SECRET_KEYS; after that the others can go. Every process of
    the service must have been started with the new key first: what one of them seals meanwhile by
    an old one is found and told. Run it once more before an old key goes.
    """
    resealing = open_resealing(read_settings(os.environ))
    done, late = _pass(resealing), Counter[str]()
    if done["anew"]:
        # What processes sealed meanwhile by a key that was the first when they were started.
        late = _pass(resealing)
    say(f"{done['anew']} sealed anew, {done['as it was']} by the first key before.")
    if done["by none"]:
        say_error(
            f"{done['by none']} were sealed by none of the keys in MEGABATCH_SECRET_KEYS. Add the "
            "key that did, at the end, and run this again."
        )
    if done["damaged"]:
        say_error(f"{done['damaged']} cannot be read. All others are sealed by the first key.")
    if late["anew"]:
        say_error(
            f"{late['anew']} more were sealed by another key meanwhile: a process still has that "
            "one first. Start it with the new list, and run this again."
        )
    return FAILED if done["by none"] or done["damaged"] or late["anew"] else DONE


def _pass(resealing: Resealing) -> "Counter[str]":
    counts = Counter[str]()
    for path, outcome in resealing.run():
        counts[outcome] += 1
        if outcome in _TOLD:
            say(f"{_TOLD[outcome]}: {path}")
    return counts
