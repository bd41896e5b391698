"""The extras of pyproject.toml that commands need, and what to say where one is not installed."""

import sys
from importlib.util import find_spec

from core.errors import ConfigError

_DETECT = ("tensorflow", "numpy", "PIL", "simplejpeg", "av", "google.protobuf")
_POST = ("numpy", "PIL", "jinja2", "pyarrow", "matplotlib")
_SERVICE = ("celery", "redis", "obstore", "cryptography", "azure.storage.blob", "requests")
_API = (
    *("flask", "flask_openapi3", "flask_openapi3_swagger"),
    *("gunicorn", "prometheus_client", "pydantic"),
)

#: The modules by which an extra is known to be here.
MODULES = {
    "detect": _DETECT,
    "post": _POST,
    "service": _SERVICE,
    "api": (*_SERVICE, *_API),
    "worker": (*_SERVICE, *_DETECT),
    # Not its Redis: another one may be there, and who finds none says so.
    "serve": (*_SERVICE, *_DETECT, *_API),
}


class NotInstalled(ConfigError):
    """An extra is not installed; the message tells how to install it."""


def require(extra: str, what: str) -> None:
    """Raises NotInstalled where the extra, which `what` needs, is not installed whole."""
    missing = next((module for module in MODULES[extra] if not is_here(module)), None)
    if missing:
        python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
        raise NotInstalled(
            f"{what} needs more than is installed here; there is no {missing}. In the folder of "
            f'MegaBatch\'s code run `{python} -m pip install ".[{extra}]"`.'
        )


def is_here(module: str) -> bool:
    """Whether the module is installed; it is not imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False
