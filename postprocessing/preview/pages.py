"""Writes pages: templates filled in, with everything escaped, and nothing allowed to run.

A page loads its own pictures and no more. Its policy lets no script run, wherever it came from,
and no request leave; it holds its style sheet itself, known by a hash.
"""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.replacing import whole_file
from core.secrets import redact

_TEMPLATES = Path(__file__).parent / "templates"
#: Browsers ask a server for one, and tell of a fault where there is none.
ICON = "icon.svg"
_UNSEEN = "\N{REPLACEMENT CHARACTER}"


class Pages:
    """The pages of one preview."""

    def __init__(self, folder: Path, **common: Any) -> None:
        """`common`: what every page knows."""
        self._folder = folder
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(share=_share, images=_images)
        style = (_TEMPLATES / "preview.css").read_text(encoding="utf-8")
        self._environment.globals.update(common, style=style, policy=_policy(style))

    def write(self, name: str, template: str, **values: Any) -> None:
        """Write one page, whole or not at all."""
        text = self._environment.get_template(template).render(values)
        self.write_bytes(name, text.encode())

    def write_icon(self) -> None:
        self.write_bytes(ICON, (_TEMPLATES / ICON).read_bytes())

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file of the preview, whole or not at all."""
        with whole_file(self._folder / name) as part:
            part.write_bytes(data)


def _policy(style: str) -> str:
    """The Content-Security-Policy. `file:` is what `'self'` means where a page lies on a disk."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src 'self' file:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _shown(value: Any) -> Any:
    """Text without what cannot be seen or would turn other text around, and without secrets."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # which is no text any more
        return value
    seen = "".join(mark if mark.isprintable() or mark == "\n" else _UNSEEN for mark in value)
    return redact(seen)


def _share(value: float | None) -> str:
    """Such as `97.3%`; a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:.1%}"


def _images(count: int) -> str:
    """Such as `1 image` and `1,200 images`."""
    return f"{count:,} image" if count == 1 else f"{count:,} images"
