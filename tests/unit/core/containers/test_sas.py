from datetime import UTC, datetime

import pytest

from core.containers.sas import check_read_sas, check_sas, parse_sas
from core.errors import ContainerError

NOW = datetime(2024, 7, 4, 12, tzinfo=UTC)
URL = "https://acct.blob.core.windows.net/c"
SIG = "sv=2022-11-02&sig=CaNaRy%3D"


@pytest.mark.parametrize(
    "query",
    [
        f"sp=rl&se=2024-07-05T00:00:00Z&sr=c&{SIG}",
        f"sp=racwdli&st=2024-07-04T11:59:59Z&se=2024-07-04T12:00:01Z&sr=c&{SIG}",
        f"sp=rl&se=2024-07-05&sr=c&{SIG}",
        f"sp=rl&se=2024-07-04T14:30:00%2B02:00&sr=c&{SIG}",
        f"sp=rl&se=2024-07-05T00:00Z&ss=bfqt&srt=sco&{SIG}",
        f"sp=rl&se=2024-07-05T00:00Z&ss=b&srt=co&{SIG}",
        f"si=policy&sr=c&{SIG}",  # Azure alone knows what the policy grants
        f"si=policy&sr=c&se=2024-07-05T00:00Z&{SIG}",
        "",  # a public container
        "restype=container",
    ],
)
def test_a_sas_that_can_serve(query: str) -> None:
    check_sas(f"{URL}?{query}", NOW)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        (f"sp=r&se=2024-07-05&sr=c&{SIG}", "sas_no_list", "permission List:"),
        (f"sp=l&se=2024-07-05&sr=c&{SIG}", "sas_no_read", "permission Read:"),
        (f"sp=w&se=2024-07-05&sr=c&{SIG}", "sas_no_list", "permissions Read and List:"),
        (f"se=2024-07-05&sr=c&{SIG}", "sas_no_list", "permissions Read and List:"),
        (f"sp=r&si=policy&sr=c&{SIG}", "sas_no_list", "permission List:"),
        (f"sp=rl&se=2024-07-04T12:00:00Z&sr=c&{SIG}", "sas_expired", "expired on 2024-07-04 12:00"),
        (f"sp=rl&se=2024-07-04&sr=c&{SIG}", "sas_expired", "expired on 2024-07-04 00:00 UTC"),
        (f"si=policy&sr=c&se=2024-07-03&{SIG}", "sas_expired", "expired"),
        (
            f"sp=rl&se=2024-07-04T13:30:00%2B02:00&sr=c&{SIG}",
            "sas_expired",
            "expired on 2024-07-04 11:30 UTC",
        ),
        (
            f"sp=rl&st=2024-07-04T12:30:00Z&se=2024-07-05&sr=c&{SIG}",
            "sas_not_yet_valid",
            "from 2024-07-04 12:30 UTC on",
        ),
        (f"sp=rl&se=2024-07-05&sr=b&{SIG}", "sas_not_for_container", "single blob"),
        (f"sp=rl&se=2024-07-05&sr=d&{SIG}", "sas_not_for_container", "directory"),
        (f"sp=rl&se=2024-07-05&ss=f&srt=co&{SIG}", "sas_not_for_container", "service Blob"),
        (f"sp=rl&se=2024-07-05&ss=b&srt=o&{SIG}", "sas_not_for_container", "Container and Object"),
        (f"sp=rl&se=2024-07-05&ss=b&srt=c&{SIG}", "sas_not_for_container", "Container and Object"),
    ],
)
def test_a_sas_that_cannot_serve_is_told_what_to_do(query: str, code: str, words: str) -> None:
    with pytest.raises(ContainerError) as caught:
        check_sas(f"{URL}?{query}", NOW)
    message = caught.value.message
    assert (caught.value.code, caught.value.pointer) == (code, "/container_url")
    assert words in message
    assert "Read and List ticked" in message
    assert "CaNaRy" not in message


@pytest.mark.parametrize(
    "query",
    [
        *("", "sp=w&se=2024-07-03", SIG, f"si=policy&sr=b&{SIG}", f"se=soon&{SIG}"),
        f"sp=r&se=2024-07-05&sr=b&{SIG}",
        f"sp=racwdl&st=2024-07-04T11:59:59Z&se=2024-07-04T12:00:01Z&sr=c&{SIG}",
    ],
)
def test_a_sas_that_may_read_a_blob_passes(query: str) -> None:
    check_read_sas(f"{URL}/a.jpg?{query}", NOW)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        (f"sp=r&se=2024-07-04T12:00:00Z&{SIG}", "sas_expired", "expired on 2024-07-04 12:00 UTC"),
        (f"si=policy&se=2024-07-03&{SIG}", "sas_expired", "expired"),
        (f"sp=wl&se=2024-07-05&{SIG}", "sas_no_read", "permission Read:"),
        (f"sp=r&st=2024-07-05&se=2024-07-06&{SIG}", "sas_not_yet_valid", "from 2024-07-05"),
    ],
)
def test_a_sas_that_cannot_read_a_blob_is_told_so(query: str, code: str, words: str) -> None:
    with pytest.raises(ContainerError) as caught:
        check_read_sas(f"{URL}/a.jpg?{query}", NOW)
    message = caught.value.message
    assert caught.value.code == code and words in message
    assert "sign the URL anew" in message and "CaNaRy" not in message


def test_times_that_cannot_be_read_are_left_to_azure() -> None:
    sas = parse_sas(f"{URL}?se=tomorrow&st=&{SIG}")
    assert (sas.expires, sas.starts) == (None, None)
    assert not sas.expired(NOW)
    assert "CaNaRy" not in repr(sas)


@pytest.mark.parametrize(
    "times", ["se=0001-01-01T00:00:00%2B14:00", "st=9999-12-31T23:59:59-14:00&se=2024-07-05"]
)
def test_times_that_utc_does_not_know_are_left_to_azure(times: str) -> None:
    url = f"{URL}/a.jpg?sp=rl&sr=c&{times}&{SIG}"
    check_sas(url, NOW)
    check_read_sas(url, NOW)


@pytest.mark.parametrize(
    "text", ["https://[bad", "https://[::1", "https://a]/", "//\uff03?", "?&="]
)
def test_what_is_no_url_is_not_signed(text: str) -> None:
    assert not parse_sas(text).signed
    assert parse_sas(f"{text}?sp=r&{SIG}" if "?" not in text else f"{text}&{SIG}").signed


def test_a_fragment_is_no_part_of_a_sas() -> None:
    assert not parse_sas(f"{URL}#?{SIG}").signed
    assert parse_sas(f"{URL}?{SIG}#?sp=r").rights == ""
