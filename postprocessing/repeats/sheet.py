"""The contact sheet of a review folder: all its pictures on one page, to be looked at."""

from html import escape
from string import Template
from typing import TextIO
from urllib.parse import quote

from postprocessing.repeats.index import Picture

SHEET = "index.html"

_HEAD = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
<title>Boxes that recur in $results</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem;
  color-scheme: light dark; color: #1b1b1b; background: #fff; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #1b1b1b; } }
main { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; overflow-wrap: anywhere; content-visibility: auto;
  contain-intrinsic-size: auto 24rem; }
img { width: 100%; height: auto; background: #8884; }
</style>
</head>
<body>
<h1>Boxes that recur in $results</h1>
<p>Each picture stands for all boxes at one place of one camera. Delete the pictures that show real
animals from this folder, in any program; what stays is struck out by
<code>megabatch post repeats remove</code>. This page is only for looking: a picture that is gone
from the folder shows its name alone.</p>
<main>
""")
_FIGURE = Template("""<figure>
<a href="$source"><img src="$source" width="$width" height="$height" loading="lazy"
  alt="$picture"></a>
<figcaption><strong>$camera</strong>: $category in $images images<br>$file<br>$picture</figcaption>
</figure>
""")
_FOOT = "</main>\n</body>\n</html>\n"


class Sheet:
    """Streams the page into a file: `begin`, a figure a picture, `end`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def begin(self, results: str) -> None:
        """`results`: the name of the results file."""
        self._file.write(_filled(_HEAD, results=results))

    def add(self, picture: Picture, size: tuple[int, int]) -> None:
        """Show a picture; its size in pixels keeps its place while it is loaded."""
        self._file.write(
            _filled(
                _FIGURE,
                source=quote(picture.picture),
                picture=picture.picture,
                width=str(size[0]),
                height=str(size[1]),
                camera=picture.camera or "(no folder)",
                category=picture.category,
                images=f"{picture.images:,}",
                file=picture.file,
            )
        )

    def end(self) -> None:
        self._file.write(_FOOT)


def _filled(template: Template, **values: str) -> str:
    """The template with every value escaped, since names come from file names."""
    return template.substitute({name: escape(value) for name, value in values.items()})
