"""The preview that `megabatch demo` writes: each photograph with its boxes drawn."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from PIL import Image

from cli.demo_findings import Finding
from core.catalog import DEMO
from detection.render import draw

#: Pixels of the longer side of a picture on the page.
PICTURE_SIDE = 800
#: Pixels of the picture that shows all photographs side by side, its frames included.
OVERVIEW_WIDTH = 1200

# Pixels between photographs there.
_GAP = 8
_QUALITY = 85

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
<p>Boxes of the demo model, a small COCO detector and not MegaDetector, above the threshold
$threshold. <em>Nothing</em> means: no detection above it. The <a href="../results.json">results
file</a> has the weaker ones too.</p>
<main>
""")
_FIGURE = Template("""<figure>
<img src="$source" width="$width" height="$height" alt="$found">
<figcaption><strong>$name</strong><br>$found</figcaption>
</figure>
""")
_FOOT = "</main>\n</body>\n</html>\n"


def write_preview(
    findings: Sequence[Finding], categories: Mapping[str, str], photographs: Path, folder: Path
) -> Path:
    """Write `index.html`, its pictures and `overview.jpg` in `folder`; nothing else is needed.

    `photographs` has the files that the findings name; the results file lies beside `folder`.
    Returns the path of the page.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    figures = [_figure(finding, categories, photographs, pictures) for finding in findings]
    head = _filled(_HEAD, title="What MegaBatch found", threshold=str(DEMO.typical_threshold))
    page = folder / "index.html"
    page.write_text(head + "".join(figures) + _FOOT, encoding="utf-8")
    overview = _overview(findings, categories, photographs)
    overview.save(folder / "overview.jpg", quality=_QUALITY)
    return page


def _overview(
    findings: Sequence[Finding], categories: Mapping[str, str], photographs: Path
) -> Image.Image:
    """All photographs in one row, of one height, with their boxes."""
    loaded = [_photograph(photographs / finding.file) for finding in findings]
    room = OVERVIEW_WIDTH - _GAP * (len(loaded) - 1)
    height = round(room / sum(one.width / one.height for one in loaded))
    row = Image.new("RGB", (OVERVIEW_WIDTH, height), "white")
    x = 0
    for finding, photograph in zip(findings, loaded, strict=True):
        # Drawn after shrinking: labels keep a size that can be read.
        small = photograph.resize((round(photograph.width * height / photograph.height), height))
        row.paste(draw(small, finding.detections, categories), (x, 0))
        x += small.width + _GAP
    return row


def _photograph(path: Path) -> Image.Image:
    with Image.open(path) as photograph:
        return photograph.convert("RGB")


def _figure(
    finding: Finding, categories: Mapping[str, str], photographs: Path, pictures: Path
) -> str:
    picture = draw(_photograph(photographs / finding.file), finding.detections, categories)
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    target = pictures / f"{Path(finding.file).stem}.jpg"
    picture.save(target, quality=_QUALITY)
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
