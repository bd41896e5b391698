"""docs/webhooks.md: its scripts run as printed, and what it says of messages is so."""

import ipaddress
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from core.config import Settings
from core.jobs import EVENTS, Progress
from core.webhook_post import SECONDS, Posted, post
from core.webhook_secrets import OVERLAP
from core.webhooks import WAITS, payload, signed_headers, webhook_guard
from tests.factories import accepted_job, final_record
from tests.fixtures.redis_server import free_port
from tests.unit.test_docs import fences, rows

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
RECEIVE, MAIL = fences(PAGE, "python")
SECRET, OTHER = "whsec_" + "A" * 43 + "=", "whsec_" + "B" * 43 + "="
J = "a" * 32
GUARD = webhook_guard(Settings(webhook_private_ranges=(ipaddress.ip_network("127.0.0.0/8"),)))
NOW = datetime(2026, 5, 1, tzinfo=UTC)

Tell = Callable[..., Posted]


def message(name: str = "season 1") -> bytes:
    final = final_record(J, progress=Progress(images=9, images_done=9, images_failed=2))
    return payload("job.completed", NOW, accepted_job(J, name=name), final)


@contextmanager
def script(folder: Path, name: str, **environment: str) -> Iterator[tuple[Tell, Path]]:
    """Runs a script of the page; what sends it a message as MegaBatch does, and what it prints."""
    (folder / "receive.py").write_text(RECEIVE)
    (folder / "tell_by_mail.py").write_text(MAIL)
    port, printed = free_port(), folder / "printed"
    environment |= {"PORT": str(port), "WEBHOOK_SECRET": SECRET, "PATH": os.environ["PATH"]}
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, name], cwd=folder, env=environment, stdout=output, stderr=output
        )

    def tell(
        body: bytes, name: str = "msg_1", secrets: tuple[str, ...] = (SECRET,), age: float = 0
    ) -> Posted:
        headers = signed_headers(secrets, name, int(time.time() - age), body)
        return post(f"http://127.0.0.1:{port}/hook", body, headers, GUARD)

    try:
        until = time.monotonic() + 20
        while tell(b"").error:
            assert time.monotonic() < until, printed.read_text()
            time.sleep(0.05)
        yield tell, printed
    finally:
        process.kill()
        process.wait()


def test_the_receiver_takes_what_is_genuine_and_each_message_once(tmp_path: Path) -> None:
    with script(tmp_path, "receive.py") as (tell, printed):
        assert tell(message(), secrets=(OTHER,)) == Posted(401)
        assert tell(message(), age=301) == tell(message(), age=-400) == Posted(401)
        assert tell(b'{"a":"' + b"x" * 21_000 + b'"}') in (Posted(401), Posted(error="connection"))
        assert printed.read_text().count("job.completed") == 0
        assert tell(message()) == tell(message()) == Posted(204)
        assert tell(message(), "msg_2", (OTHER, SECRET)) == Posted(204)
        assert tell(b"[", "msg_3") == Posted(500)
    told = [line for line in printed.read_text().splitlines() if line.startswith("job.")]
    assert told == [f"job.completed {J}"] * 2


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail, as a server of RFC 5321 does."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.mails: list[str] = []


class _Dialogue(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
            self.say("221 bye" if verb == b"QUIT" else "250 well")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_message_becomes_a_mail(tmp_path: Path) -> None:
    with mail_server() as server:
        where = {
            **{"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.server_address[1])},
            **{"MAIL_FROM": "megabatch@example.org", "MAIL_TO": "you@example.org"},
        }
        with script(tmp_path, "tell_by_mail.py", **where) as (tell, printed):
            assert tell(message()) == tell(message()) == Posted(204), printed.read_text()
    (mail,) = server.mails
    assert "Subject: season 1: completed" in mail and "To: you@example.org" in mail
    assert "9 of 9 images are done, 2 failed." in mail
    assert f"megabatch results {J}" in mail


def test_a_mail_server_that_is_away_has_the_message_come_again(tmp_path: Path) -> None:
    where = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(free_port())}
    where |= {"MAIL_FROM": "a@example.org", "MAIL_TO": "b@example.org"}
    with script(tmp_path, "tell_by_mail.py", **where) as (tell, _printed):
        assert tell(message()) == Posted(500)


# What the page says.


def keys(value: object) -> object:
    return {key: keys(one) for key, one in value.items()} if isinstance(value, dict) else None


def test_the_message_of_the_page_has_the_fields_of_a_message() -> None:
    shown = json.loads(fences(PAGE, "json")[1])
    job = accepted_job(J, metadata={"site": "north"})
    written = msgspec.json.decode(payload("job.completed", NOW, job, final_record(J)))
    assert keys(shown) == keys(written)
    assert list(shown["data"]) == list(written["data"])


def test_the_page_has_every_event() -> None:
    assert [row[0].strip("`") for row in rows(PAGE, "Asking for it")] == list(EVENTS)


def test_the_page_has_every_wait() -> None:
    section = PAGE.split("\n## When nobody answers\n", 1)[1]
    units = {"second": 1, "minute": 60, "hour": 3600}
    sentence = section.split("After ten tries", 1)[0]
    named = re.findall(r"(\d+) (second|minute|hour)s", sentence)
    assert tuple(int(number) * units[unit] for number, unit in named) == WAITS
    assert f"within {SECONDS:.0f} seconds" in section
    assert timedelta(hours=24) == OVERLAP
    assert "for\n24 hours messages carry two" in PAGE
