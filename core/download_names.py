"""What a downloaded file is called on somebody's disk."""

from datetime import datetime

from core.jobs import FileKind


def download_name(job_id: str, name: str, ended: datetime, kind: FileKind) -> str:
    """Such as `megabatch_Site_4_2026-11-23.json`; the characters of a job's name are harmless."""
    named = name.strip().replace(" ", "_") or job_id
    what = "" if kind is FileKind.RESULTS else f"_{kind}"
    return f"megabatch_{named}_{ended:%Y-%m-%d}{what}.json"
