import hashlib
import logging
import ssl
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.containers.answers import Answer
from core.containers.guard import Guard, locate
from core.containers.http_reader import HttpReader
from core.containers.patience import Patience
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from tests.unit.core.containers.conftest import TLS_HOST
from tests.unit.core.containers.scripted_server import Reply, ScriptedServer, serving

BODY = b"picture" * 1000
GOOD = Reply(body=BODY)


def md5_of(data: bytes) -> str:
    return b64encode(hashlib.md5(data).digest()).decode()


def ask(
    server: ScriptedServer, guard: Guard, patience: Patience, target: str = "/a.jpg", **options: str
) -> Answer:
    reader = HttpReader(guard, patience=patience, max_bytes=10_000)
    try:
        return reader.get(locate(server.url + target), **options)
    finally:
        reader.close()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 522, 530])
def test_a_passing_fault_is_tried_again(status: int, guard: Guard, hasty: Patience) -> None:
    with serving(Reply(status, b"busy", {"Retry-After": "0"}), Reply(status), GOOD) as server:
        assert ask(server, guard, hasty) == Answer(200, BODY)
        assert len(server.asked) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Reply(hang_up=True),
        Reply(silent=True),
        Reply(body=BODY, sent=100),
        Reply(body=BODY, sent=0),
        Reply(unsized=True),  # as where the connection broke within the head
        Reply(body=BODY, headers={"Content-MD5": md5_of(b"other")}),
        Reply(body=BODY, headers={"x-ms-blob-content-md5": md5_of(b"other")}),
    ],
    ids=["hang-up", "silence", "truncated", "no body", "no length", "wrong MD5", "wrong blob MD5"],
)
def test_a_damaged_answer_is_read_again(fault: Reply, guard: Guard, hasty: Patience) -> None:
    with serving(fault, GOOD) as server:
        assert ask(server, guard, hasty) == Answer(200, BODY)
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "fault",
    [Reply(503), Reply(hang_up=True), Reply(body=BODY, sent=9)],
    ids=["busy", "hang-up", "truncated"],
)
def test_tries_are_bounded(fault: Reply, guard: Guard, hasty: Patience) -> None:
    with serving(fault) as server:
        with pytest.raises(StorageTrouble, match=f"after {hasty.tries} tries"):
            ask(server, guard, hasty, "/a.jpg?sig=CaNaRy")
        assert len(server.asked) == hasty.tries


def test_no_try_begins_after_the_time_for_all(guard: Guard, hasty: Patience) -> None:
    short = msgspec.structs.replace(hasty, total_seconds=0.0)
    with serving(Reply(503)) as server:
        with pytest.raises(StorageTrouble, match="after 1 tries"):
            ask(server, guard, short)
        assert len(server.asked) == 1


def test_a_wait_that_the_server_asks_for_is_kept(guard: Guard, hasty: Patience) -> None:
    patience = msgspec.structs.replace(hasty, longest_wait=60.0, total_seconds=30.0)
    with serving(Reply(503, headers={"Retry-After": "50"}), GOOD) as server:
        with pytest.raises(StorageTrouble):  # 50 s do not fit into 30
            ask(server, guard, patience)
        assert len(server.asked) == 1


def test_closing_ends_the_wait(guard: Guard, hasty: Patience) -> None:
    patience = msgspec.structs.replace(hasty, longest_wait=60.0)
    with serving(Reply(503, headers={"Retry-After": "50"})) as server:
        reader = HttpReader(guard, patience=patience)
        threading.Timer(0.1, reader.close).start()
        with pytest.raises(StorageTrouble):
            reader.get(locate(server.url))


@pytest.mark.parametrize("header", ["Content-MD5", "x-ms-blob-content-md5"])
def test_a_right_md5_passes(header: str, guard: Guard, hasty: Patience) -> None:
    with serving(Reply(body=BODY, headers={header: md5_of(BODY)})) as server:
        assert ask(server, guard, hasty).body == BODY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, guard: Guard, hasty: Patience) -> None:
    with serving(GOOD) as elsewhere:
        with serving(Reply(status, headers={"Location": elsewhere.url})) as server:
            answer = ask(server, guard, hasty)
        assert answer.image() == ImageFailure(FailureCode.URL_NOT_ALLOWED)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (404, "BlobNotFound", FailureCode.NOT_FOUND),
        (410, "", FailureCode.NOT_FOUND),
        (403, "AuthorizationFailure", FailureCode.FORBIDDEN),
        (401, "", FailureCode.FORBIDDEN),
        (409, "BlobArchived", FailureCode.ARCHIVED),
        (409, "Other", FailureCode.UNREADABLE),
        (412, "ConditionNotMet", FailureCode.CHANGED),
        (413, "", FailureCode.FILE_TOO_LARGE),
        (400, "", FailureCode.UNREADABLE),
        (206, "", FailureCode.UNREADABLE),
        (204, "", FailureCode.UNREADABLE),
    ],
)
def test_refusals_become_failures(
    status: int, code: str, failure: FailureCode, guard: Guard, hasty: Patience
) -> None:
    body = b"" if status == 204 else b"secret text of the server"
    with serving(Reply(status, body, {"x-ms-error-code": code})) as server:
        answer = ask(server, guard, hasty)
        assert len(server.asked) == 1
    assert (answer.status, answer.code, answer.body) == (status, code, b"")
    assert answer.image() == ImageFailure(failure)


def test_a_body_above_the_cap_is_not_downloaded(guard: Guard, hasty: Patience) -> None:
    # Nothing of the promised body is ever sent: reading it would end in a fault.
    huge = Reply(headers={"Content-Length": "10001"}, sent=0)
    with serving(huge) as server:
        assert ask(server, guard, hasty).image() == ImageFailure(FailureCode.FILE_TOO_LARGE)
        assert len(server.asked) == 1


@pytest.mark.parametrize(("size", "status"), [(10_000, 200), (10_001, 413), (5_000_000, 413)])
def test_the_cap_holds_without_a_length(
    size: int, status: int, guard: Guard, hasty: Patience
) -> None:
    with serving(Reply(body=bytes(size), unsized=True)) as server:
        answer = ask(server, guard, hasty)
    assert answer.status == status
    assert len(answer.body) == (size if status == 200 else 0)


def test_a_length_that_is_none_is_passed_over(guard: Guard, hasty: Patience) -> None:
    odd = Reply(body=BODY, headers={"Content-Length": "many"}, unsized=True)
    with serving(odd) as server:
        assert ask(server, guard, hasty) == Answer(200, BODY)


def test_a_body_that_trickles_in_is_given_up(guard: Guard, hasty: Patience) -> None:
    short = msgspec.structs.replace(hasty, total_seconds=0.2)
    with serving(Reply(body=bytes(30), drip=0.05)) as server, pytest.raises(StorageTrouble):
        ask(server, guard, short)


def test_an_empty_body_is_an_answer(guard: Guard, hasty: Patience) -> None:
    with serving(Reply()) as server:
        assert ask(server, guard, hasty) == Answer(200, b"")


@pytest.mark.parametrize("etag", ["0x8D", '"0x8D"'])
def test_the_listed_version_is_asked_for(etag: str, guard: Guard, hasty: Patience) -> None:
    with serving(GOOD) as server:
        ask(server, guard, hasty, etag=etag)
        ask(server, guard, hasty)
        assert server.asked[0].headers["If-Match"] == '"0x8D"'
        assert "If-Match" not in server.asked[1].headers


@pytest.mark.parametrize(
    "target",
    [
        "//c//a.jpg",
        "/c/../d/./e.jpg",
        "/c/a%2Fb%23%3F.jpg?sv=1&sig=a%2Bb%3D",
        "/c/%25zz",
        "/~x'(1)!*",
    ],
)
def test_the_target_is_sent_as_it_is(target: str, guard: Guard, hasty: Patience) -> None:
    with serving(GOOD) as server:
        ask(server, guard, hasty, target)
        assert server.asked[0].target == target


def test_connections_are_kept_also_after_refusals(guard: Guard, hasty: Patience) -> None:
    with serving(GOOD, Reply(404, b"not here"), GOOD) as server:
        reader = HttpReader(guard, patience=hasty)
        statuses = [reader.get(locate(server.url)).status for _ in range(3)]
        reader.close()
        assert statuses == [200, 404, 200]
        assert len({asked.connection for asked in server.asked}) == 1


def test_threads_share_a_reader(guard: Guard, hasty: Patience) -> None:
    with serving(GOOD) as server:
        reader = HttpReader(guard, patience=hasty)
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(lambda _: reader.get(locate(server.url)), range(64))
            assert {answer.body for answer in answers} == {BODY}
        reader.close()
        assert len({asked.connection for asked in server.asked}) <= 8


def test_a_host_is_looked_up_again_after_a_fault(here: Settings, hasty: Patience) -> None:
    addresses = ["127.0.0.2", "127.0.0.1"]  # nothing listens at the first

    def resolve(host: str, port: int) -> list[str]:
        return [addresses.pop(0)]

    with serving(GOOD) as server:
        reader = HttpReader(Guard(here, resolve), patience=hasty)
        url = f"http://{TLS_HOST}:{server.port}/"
        for _ in range(3):
            assert reader.get(locate(url)).ok
        reader.close()
        assert server.asked[0].headers["Host"] == f"{TLS_HOST}:{server.port}"
    assert addresses == []


def test_an_address_is_checked_again_after_a_fault(here: Settings, hasty: Patience) -> None:
    addresses = ["127.0.0.2", "169.254.169.254"]
    reader = HttpReader(Guard(here, lambda host, port: [addresses.pop(0)]), patience=hasty)
    with pytest.raises(UrlNotAllowed):
        reader.get(locate(f"http://{TLS_HOST}:1/"))
    reader.close()


def test_many_servers_do_not_keep_many_connections(guard: Guard, hasty: Patience) -> None:
    with serving(GOOD) as server:
        reader = HttpReader(guard, patience=hasty)
        for number in range(70):
            url = f"http://a{number}.blob.core.windows.net:{server.port}/"
            assert reader.get(locate(url)).ok
            assert reader.get(locate(f"http://often.blob.core.windows.net:{server.port}/")).ok
        reader.get(locate(f"http://a69.blob.core.windows.net:{server.port}/"))
        reader.get(locate(f"http://a0.blob.core.windows.net:{server.port}/"))
        reader.close()
        connections = [asked.connection for asked in server.asked]
        assert len(set(connections[1:140:2])) == 1
        assert connections[-2] == connections[138]
        assert connections[-1] not in connections[:-1]


def test_a_host_that_may_not_be_read_is_not_asked(here: Settings, hasty: Patience) -> None:
    with serving(GOOD) as server:
        with pytest.raises(UrlNotAllowed):
            ask(server, Guard(Settings()), hasty)
        assert server.asked == []


def test_a_host_that_does_not_exist_is_not_tried_again(here: Settings, hasty: Patience) -> None:
    reader = HttpReader(Guard(here, lambda host, port: []), patience=hasty)
    with pytest.raises(ContainerError):
        reader.get(locate(f"https://{TLS_HOST}/"))
    reader.close()


def test_tls_is_to_the_name_though_the_connection_is_to_the_address(
    guard: Guard, hasty: Patience, certificate: Path, server_tls: ssl.SSLContext
) -> None:
    names: list[str] = []
    server_tls.sni_callback = lambda socket, name, context: names.append(name)
    with serving(GOOD, tls=server_tls) as server:
        reader = HttpReader(
            guard, patience=hasty, tls=ssl.create_default_context(cafile=str(certificate))
        )
        assert reader.get(locate(f"https://{TLS_HOST}:{server.port}/c/a.jpg")).body == BODY
        assert names == [TLS_HOST]
        assert server.asked[0].headers["Host"] == f"{TLS_HOST}:{server.port}"
        with pytest.raises(StorageTrouble, match="SSLError"):
            reader.get(locate(f"https://other.blob.core.windows.net:{server.port}/c/a.jpg"))
        reader.close()
        assert len(server.asked) == 1


def test_a_certificate_of_nobody_is_refused(
    guard: Guard, hasty: Patience, server_tls: ssl.SSLContext
) -> None:
    with serving(GOOD, tls=server_tls) as server:
        reader = HttpReader(guard, patience=hasty)
        with pytest.raises(StorageTrouble, match="SSLError"):
            reader.get(locate(f"https://{TLS_HOST}:{server.port}/"))
        reader.close()
        assert server.asked == []


def test_logs_and_messages_show_no_signature(
    guard: Guard, hasty: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Reply(503)) as server, pytest.raises(StorageTrouble) as caught:
        ask(server, guard, hasty, "/a.jpg?sv=1&sig=CaNaRy%3D")
    assert "/a.jpg" in caplog.text
    assert "CaNaRy" not in caplog.text + str(caught.value)
