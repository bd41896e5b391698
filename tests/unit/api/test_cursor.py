import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.cursor import decode_cursor, encode_cursor
from api.problems import InvalidCursor
from core.config import Settings
from core.job_lists import Place
from core.salt import Salt, open_salt
from core.sealing import new_secret_key

PLACE = Place(1_777_636_800_123, "0123456789abcdef" * 2)


@pytest.fixture(scope="module")
def salt(tmp_path_factory: pytest.TempPathFactory) -> Salt:
    folder = tmp_path_factory.mktemp("storage")
    return open_salt(Settings(storage_url=f"file://{folder}", secret_keys=(new_secret_key(),)))


@given(created=st.integers(-(2**62), 2**62), job_id=st.binary(min_size=16, max_size=16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cursor_leads_back_to_its_place(salt: Salt, created: int, job_id: bytes) -> None:
    place = Place(created, job_id.hex())
    assert decode_cursor(encode_cursor(place, "list", salt), "list", salt) == place


def test_a_cursor_is_short_and_fits_into_a_url(salt: Salt) -> None:
    cursor = encode_cursor(PLACE, "list", salt)
    assert len(cursor) <= 100
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "t1", "====", "\u00e9", "a b", "AAAA", "'; DROP TABLE jobs", "../../etc/passwd"),
        base64.urlsafe_b64encode(bytes(40)).decode().rstrip("="),
        base64.urlsafe_b64encode(bytes(24)).decode(),
        "A" * 100,
    ],
)
def test_a_forged_cursor_is_refused(salt: Salt, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, "list", salt)


def test_no_byte_of_a_cursor_can_be_changed(salt: Salt) -> None:
    data = base64.urlsafe_b64decode(encode_cursor(PLACE, "list", salt) + "==")
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(InvalidCursor):
            decode_cursor(base64.urlsafe_b64encode(changed).decode().rstrip("="), "list", salt)
    for length in range(len(data)):
        with pytest.raises(InvalidCursor):
            decode_cursor(base64.urlsafe_b64encode(data[:length]).decode(), "list", salt)


def test_a_cursor_is_of_its_list_and_service_alone(salt: Salt, tmp_path: object) -> None:
    cursor = encode_cursor(PLACE, "list", salt)
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, "another", salt)
    other = Settings(storage_url=f"file://{tmp_path}", secret_keys=(new_secret_key(),))
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, "list", open_salt(other))
