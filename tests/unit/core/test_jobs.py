"""The rules of a job."""

from core.jobs import TERMINAL, TRANSITIONS, JobStatus, new_job_id


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(JobStatus)


def test_terminal_statuses_are_the_three_ends() -> None:
    assert {status.value for status in TERMINAL} == {"completed", "cancelled", "failed"}


def test_every_end_comes_after_merging() -> None:
    for before, afters in TRANSITIONS.items():
        assert not afters & TERMINAL or before is JobStatus.MERGING


def test_every_status_can_be_reached_and_ended() -> None:
    reached = {JobStatus.QUEUED}
    while new := set().union(*(TRANSITIONS[status] for status in reached)) - reached:
        reached |= new
    assert reached == set(JobStatus)


def test_ids_are_128_bits_in_hex() -> None:
    ids = {new_job_id() for _ in range(100)}
    assert len(ids) == 100 and all(len(i) == 32 and int(i, 16) >= 0 for i in ids)
