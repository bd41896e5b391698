"""Values for tests, with only what a test cares about spelled out."""

from datetime import timedelta
from typing import Any

from core.jobs import AcceptedJob, FinalRecord, JobRequest, JobStatus, Progress, utc_now


def job_request(**fields: Any) -> JobRequest:
    return JobRequest(**{"model": "demo", "detection_threshold": 0.1, **fields})


def accepted_job(job_id: str, *, seconds_ago: float = 0, **request: Any) -> AcceptedJob:
    created = utc_now() - timedelta(seconds=seconds_ago)
    return AcceptedJob(
        id=job_id,
        request=job_request(**request),
        created_at=created,
        expires_at=created + timedelta(days=180),
    )


def final_record(job_id: str, **fields: Any) -> FinalRecord:
    now = utc_now()
    values: dict[str, Any] = {
        "status": JobStatus.COMPLETED,
        "model": "demo",
        "name": "",
        "created_at": now,
        "started_at": None,
        "finished_at": now,
        "progress": Progress(),
        "reason": None,
        "results": None,
    }
    return FinalRecord(id=job_id, **{**values, **fields})
