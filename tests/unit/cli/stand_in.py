"""Small real programs that stand in for the API and the workers, below a folder of their own."""

from pathlib import Path

API = """
import argparse, json, os, pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--host")
parser.add_argument("--port", type=int)
arguments = parser.parse_args()
here = pathlib.Path.cwd()
(here / "environment.json").write_text(json.dumps(dict(os.environ)))

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "closed" in os.environ.get("MEGABATCH_STAND_IN", "") and self.path.startswith("/v1/"):
            return self.send_error(401)
        workers = len(list(here.glob("detection-*")))
        models = {"data": [{"name": "demo", "workers": workers}, {"name": "other", "workers": 1}]}
        data = json.dumps(models).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

(here / f"api-{os.getpid()}").touch()
HTTPServer((arguments.host, arguments.port), Handler).serve_forever()
"""

WORKERS = """
import os, pathlib, signal, sys, time
print("started", *sys.argv[1:])
if "broken" in os.environ.get("MEGABATCH_STAND_IN", ""):
    sys.exit("no such module: tensorfloss")

def stop(*_):
    print("stopped in good order")
    sys.exit()

signal.signal(signal.SIGTERM, stop)
pathlib.Path(f"{sys.argv[1]}-{os.getpid()}").touch()
if sys.argv[1:] == ["detection", "--model", "demo"]:
    from redis import Redis
    from core.job_store import JobStore
    store = JobStore(Redis.from_url(os.environ["REDIS_URL"]), send=lambda messages: None)
    store.heartbeat(sys.argv[3], str(os.getpid()))
time.sleep(600)
"""


def write_stand_ins(folder: Path) -> Path:
    for package, code in (("api", API), ("workers", WORKERS)):
        (folder / package).mkdir(parents=True)
        (folder / package / "__main__.py").write_text(code)
    return folder


def process_ids(folder: Path, kind: str) -> list[int]:
    """The processes of a kind (`api`, `control`, `detection`) that have started, in any order."""
    return [int(file.name.rpartition("-")[2]) for file in folder.glob(f"{kind}-*")]
