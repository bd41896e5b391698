"""The page that `megabatch demo` writes: each photograph with its boxes drawn."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from PIL import Image

from cli.demo_findings import Finding
from detection.render import draw

#: Pixels of the longer side of a picture on the page.
PICTURE_SIDE = 800

_HEAD = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  color-scheme: light dark; }
main { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
figure { margin: 0; }
img { max-width: 100%; height: auto; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
<main>
""")
_FIGURE = Template("""<figure>
<img src="$source" width="$width" height="$height" alt="$found">
<figcaption><strong>$name</strong><br>$found</figcaption>
</figure>
""")
_FOOT = "</main>\n</body>\n</html>\n"


def write_page(
    findings: Iterable[Finding], categories: Mapping[str, str], photographs: Path, folder: Path
) -> Path:
    """Write `index.html` and its pictures below `folder`; needs nothing from elsewhere.

    `photographs` has the files that the findings name. Returns the path of the page.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    figures = [_figure(finding, categories, photographs, pictures) for finding in findings]
    head = _filled(
        _HEAD,
        title="What MegaBatch found",
        about="Boxes of the demo model, a small COCO detector and not MegaDetector. "
        "The results file lies beside this page: results.json.",
    )
    page = folder / "index.html"
    page.write_text(head + "".join(figures) + _FOOT, encoding="utf-8")
    return page


def _figure(
    finding: Finding, categories: Mapping[str, str], photographs: Path, pictures: Path
) -> str:
    with Image.open(photographs / finding.file) as photograph:
        picture = draw(photograph.convert("RGB"), finding.detections, categories)
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    target = pictures / f"{Path(finding.file).stem}.jpg"
    picture.save(target, quality=90)
    return _filled(
        _FIGURE,
        source=f"{pictures.name}/{quote(target.name)}",
        name=finding.file,
        found=finding.text(categories),
        width=str(picture.width),
        height=str(picture.height),
    )


def _filled(template: Template, **values: str) -> str:
    """The template with every value escaped, since names come from file names."""
    return template.substitute({name: escape(value) for name, value in values.items()})
