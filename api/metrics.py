"""`/metrics`: numbers for Prometheus, about this API and about the whole service."""

import os
import time

from flask import Flask, Response, g, request
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.described import text_answer
from api.errors import PROBLEM_RESPONSES
from api.shared_counts import SHARED_FOLDER

_TAG = Tag(name="metrics", description="Numbers for Prometheus.")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
# Anybody may ask for anything: what is no route of ours has no name of its own.
_NO_ROUTE, _OTHER = "none", "other"


class RequestMetrics:
    """Counts the requests of this process, or of all that share its folder."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "megabatch_http_requests",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "megabatch_http_request_seconds",
            "Seconds until an answer begins, by method and route.",
            ["method", "route"],
            registry=self._registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """What was counted, as Prometheus reads it."""
        if SHARED_FOLDER not in os.environ:
            return bytes(generate_latest(self._registry))
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # of prometheus_client
        return bytes(generate_latest(shared))


def count_requests(app: Flask) -> RequestMetrics:
    """Count all requests of this app."""
    metrics = RequestMetrics()

    def begin() -> None:
        g.began = time.perf_counter()

    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else _NO_ROUTE
        method = request.method if request.method in _METHODS else _OTHER
        metrics.count(method, route, response.status_code, time.perf_counter() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)
    return metrics


def metrics_blueprint(requests: RequestMetrics, service: Collector) -> APIBlueprint:
    """`service` tells of what all processes share."""
    blueprint = APIBlueprint("metrics", __name__, abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES)
    shared = CollectorRegistry()
    shared.register(service)

    @blueprint.get("/metrics", responses={200: text_answer("text/plain", "The numbers.")})
    def show() -> Response:
        """Numbers for Prometheus.

        While Redis is away, only `megabatch_redis_up` and the requests of the API are told.
        """
        text = requests.text() + generate_latest(shared)
        return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return blueprint
