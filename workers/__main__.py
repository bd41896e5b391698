"""`python -m workers control`, or `python -m workers detection --model NAME`."""

import argparse
import os

from core.catalog import find_model
from core.config import read_settings
from core.errors import MegaBatchError
from core.messages import CONTROL_QUEUE, detection_queue
from detection.weights import verified_weights

#: Planning and merging wait for storage more than they compute.
_CONTROL_PROCESSES = 4


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.kind == "control":
        queue, processes = CONTROL_QUEUE, _CONTROL_PROCESSES
    else:
        # One child, one detector: a GPU, or all cores, belong to it alone.
        queue, processes = detection_queue(arguments.model), 1
        _check_weights(arguments.model)
    from workers.app import app

    app.worker_main(worker_arguments(queue, processes))


def _check_weights(name: str) -> None:
    """Leave with a clear message, before any work is taken, where a shard could not be run."""
    settings = read_settings(os.environ)
    try:
        verified_weights(find_model(name), settings.model_folder)
    except MegaBatchError as error:
        raise SystemExit(f"The worker cannot start: {error}") from error


def worker_arguments(queue: str, processes: int) -> list[str]:
    """What Celery's `worker` command is given. Its own chatter between workers is not needed."""
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return ["worker", f"--queues={queue}", f"--concurrency={processes}", *options]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("control", help="plans and merges jobs, and repairs what broke")
    detection = kinds.add_parser("detection", help="runs shards of one model's jobs")
    detection.add_argument("--model", required=True, help="name of the model, such as demo")
    return parser


if __name__ == "__main__":
    main()
