"""The API's description, for programs at `/openapi.json` and for people at `/docs`."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import flask_openapi3_swagger
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

_TAG = Tag(name="documentation", description="This description.")

# Swagger UI, as flask-openapi3-swagger carries it, and the lines of ours that start it.
_SWAGGER = files(flask_openapi3_swagger) / "templates" / "swagger"
_FILES = {
    "swagger-ui.css": (_SWAGGER / "css" / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (_SWAGGER / "js" / "swagger-ui-bundle.js", "text/javascript"),
    "start.js": (files("api") / "static" / "documentation.js", "text/javascript"),
}

# Swagger UI needs its own script and style, pictures that lie in its style, and the description.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of MegaBatch</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="description"></div>
<noscript>This page needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""


def documentation_blueprint(description: Callable[[], dict[str, Any]]) -> APIBlueprint:
    """Open without a key: it holds nothing of anybody's."""
    blueprint = APIBlueprint("documentation", __name__, abp_tags=[_TAG])
    text = cache(lambda: json.dumps(description()))

    @blueprint.get("/openapi.json", responses={200: _DOCUMENT})
    def describe() -> Response:
        """This description, as OpenAPI 3.1."""
        return Response(text(), mimetype="application/json")

    @blueprint.get("/docs", doc_ui=False)
    def page() -> Response:
        return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, mimetype="text/html")

    for name, (path, mimetype) in _FILES.items():
        blueprint.add_url_rule(f"/docs/{name}", name.replace(".", "_"), _sending(path, mimetype))
    return blueprint


_DOCUMENT = {
    "description": "The description.",
    "content": {"application/json": {"schema": {"type": "object", "required": ["openapi"]}}},
}


def _sending(path: Any, mimetype: str) -> Callable[[], Response]:
    content = cache(path.read_bytes)

    def send() -> Response:
        answer = Response(content(), mimetype=mimetype)
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    return send
