"""A little S3 that takes every write, whatever its conditions: what some compatible stores do."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_LISTED = "<Contents><Key>{}</Key><Size>1</Size><LastModified>{}</LastModified></Contents>"
_TIME = "2030-01-01T00:00:00.000Z"
_HTTP_TIME = "Tue, 01 Jan 2030 00:00:00 GMT"


class CarelessStorage(ThreadingHTTPServer):
    """Keeps files in memory."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        #: What it does badly: `lists`, `reads`, `deletes`, `forgets`, `refuses`.
        self.badly: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    server: CarelessStorage
    protocol_version = "HTTP/1.1"

    @property
    def _name(self) -> str:
        return urlsplit(self.path).path.removeprefix("/bucket").removeprefix("/")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if "refuses" in self.server.badly:
            return self._answer(403, b"no")
        if "forgets" not in self.server.badly:
            self.server.files[self._name] = data
        return self._answer(200)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            return self._list(query.get("prefix", [""])[0])
        data = self.server.files.get(self._name)
        if data is None:
            return self._answer(404)
        return self._answer(200, b"others" if "reads" in self.server.badly else data)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Deletes all that the body names."""
        data = self.rfile.read(int(self.headers["Content-Length"])).decode()
        names = re.findall("<Key>(.*?)</Key>", data)
        for name in names if "deletes" not in self.server.badly else ():
            self.server.files.pop(name, None)
        rows = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
        self._answer(200, f"<DeleteResult>{rows}</DeleteResult>".encode())

    def _list(self, prefix: str) -> None:
        names = [name for name in self.server.files if name.startswith(prefix)]
        shown = [] if "lists" in self.server.badly else names
        rows = "".join(_LISTED.format(name, _TIME) for name in shown)
        self._answer(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def _answer(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", _HTTP_TIME)
        self.send_header("ETag", '"1"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def careless_storage() -> Iterator[CarelessStorage]:
    server = CarelessStorage()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
