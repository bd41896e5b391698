"""Where the files of a job lie in our storage. `{index}` is a shard's, from 0; `{n}` counts from 1.

    live/{id}                              empty: the job was accepted, and has not ended

    jobs/{id}/job.json                     what was asked for, with its secrets sealed
    jobs/{id}/container-urls/{n}           a fresh URL of its container, sealed
    jobs/{id}/priorities/{n}               where it stands among others from then on
    jobs/{id}/cancelled                    empty: somebody wants it cancelled
    jobs/{id}/children/{id of a job}       empty: that job tries images of this one again
    jobs/{id}/links/{link id}.json         what a link gives
    jobs/{id}/webhooks/                    what its webhook was told

    jobs/{id}/images/{index}.ndjson        the image list of a shard
    jobs/{id}/plan.json                    listing is over, and what it came to
    jobs/{id}/kept/{index}.ndjson          the lines that a shard takes over from an earlier job
    jobs/{id}/changed/{index}-{digest}.json    what a retry read in another version
    jobs/{id}/weights/{SHA-256}            empty: what its detectors were loaded from
    jobs/{id}/work/{index}-{milliseconds}-{bytes}    empty: what a shard cost
    jobs/{id}/shards/{index}.ndjson        the output of a shard

    jobs/{id}/results/{token}.json         the results file; `{token}.{part}.json`: other files
    jobs/{id}/final.json                   how it ended, and which results count

What is due when a job has ended, and what is left of one that was deleted: `core/retention.py`.
"""

from typing import Literal

#: The folders that hold a file or a folder for each job.
LIVE, JOBS = "live/", "jobs/"

#: A file of which a job has one at most.
File = Literal["job.json", "cancelled", "plan.json", "final.json"]
#: A folder of a job that has a file for each shard.
ShardPart = Literal["images", "kept", "shards"]
#: A folder of a job whose files are numbered from 1, of which the newest counts.
NumberedPart = Literal["container-urls", "priorities"]
#: A folder of a job.
Part = (
    ShardPart
    | NumberedPart
    | Literal["changed", "children", "links", "results", "webhooks", "weights", "work"]
)

_DIGITS = 7


def live_path(job_id: str) -> str:
    return f"{LIVE}{job_id}"


def job_path(job_id: str) -> str:
    """The folder of all that a job owns."""
    return f"{JOBS}{job_id}/"


def file_path(job_id: str, file: File) -> str:
    return job_path(job_id) + file


def part_path(job_id: str, part: Part) -> str:
    return f"{job_path(job_id)}{part}/"


def shard_path(job_id: str, part: ShardPart, index: int) -> str:
    return f"{part_path(job_id, part)}{index:0{_DIGITS}d}.ndjson"


def numbered_path(job_id: str, part: NumberedPart, number: int) -> str:
    return f"{part_path(job_id, part)}{number:0{_DIGITS}d}"


def number_of(name: str) -> int:
    """The index or the number that a file's name begins with."""
    return int(name[:_DIGITS])
