import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import cut_page, decode_cursor, encode_cursor
from api.problems import InvalidCursor
from core.jobs import Job, JobStatus

NOW = datetime(2026, 5, 1, 12, 0, 0, 123000, UTC)


def job(name: str, milliseconds: int) -> Job:
    return Job(
        id=name,
        status=JobStatus.QUEUED,
        model="demo",
        created_at=NOW - timedelta(milliseconds=milliseconds),
        expires_at=NOW,
    )


@given(st.integers(0, 4_000_000_000_000))
def test_a_cursor_leads_back_to_its_time(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert decode_cursor(encode_cursor(moment)) == moment


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "t1", "====", "\u00e9", "a b", "AAAA", "'; DROP TABLE jobs", "../../etc/passwd"),
        base64.urlsafe_b64encode(b"123").decode(),  # no t
        base64.urlsafe_b64encode(b"t-5").decode(),
        base64.urlsafe_b64encode(b"t1_000").decode(),  # Python would read it
        base64.urlsafe_b64encode(b"t 7").decode(),
        base64.urlsafe_b64encode(b"t" + b"9" * 30).decode(),
        base64.urlsafe_b64encode(b"tnan").decode(),
        encode_cursor(NOW) + "=",
        encode_cursor(NOW)[:-1],
    ],
)
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor)


def test_a_page_is_cut_where_its_limit_is() -> None:
    jobs = [job("a", 0), job("b", 1), job("c", 2)]
    page, cursor = cut_page(jobs, 2)
    assert [one.id for one in page] == ["a", "b"]
    assert cursor is not None
    assert decode_cursor(cursor) == jobs[1].created_at


def test_the_last_page_has_no_cursor() -> None:
    jobs = [job("a", 0), job("b", 1)]
    assert cut_page(jobs, 2) == (jobs, None)
    assert cut_page([], 2) == ([], None)


def test_jobs_of_one_millisecond_stay_together() -> None:
    jobs = [job("a", 0), job("b", 1), job("c", 1)]
    page, cursor = cut_page(jobs, 2)
    assert [one.id for one in page] == ["a"]
    assert cursor == encode_cursor(jobs[0].created_at)


def test_a_page_is_never_empty() -> None:
    jobs = [job("a", 1), job("b", 1), job("c", 1)]
    page, cursor = cut_page(jobs, 2)
    assert [one.id for one in page] == ["a", "b"]
    assert cursor is not None
