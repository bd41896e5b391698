"""Names of images that mean harm, or that something on the way could take for something else.

Each is what a blob, a file or a line of somebody's results may be called. None holds half of a
character: no storage, no JSON and no CSV brings one.
"""

import os

LONG = "x" * 896 + ".jpg"
#: What a name would have stand in a line of its own.
FORGED = "\n2026-05-01 ERROR forged"

#: They lead out of a folder, or to a place of their own.
LEADING_OUT = (
    *("../secret.jpg", "a/../../secret.jpg", "....//secret.jpg", "..", "./a.jpg", "a/./b.jpg"),
    *("/abs/x.jpg", "//host/share/x.jpg", "/", "~/x.jpg", "~root/x.jpg", "file:///etc/x.jpg"),
    *("..\\secret.jpg", "..\\..\\deep.jpg", "\\\\host\\share\\x.jpg", "a\\b.jpg"),
    *("C:\\x.jpg", "C:/x.jpg", "C:x.jpg", "javascript:alert(1).jpg", "a//b.jpg", "a///b.jpg"),
    *("%2e%2e%2fsecret.jpg", "..%2f..%2fx.jpg", "%2f.jpg", "..%c0%afx.jpg", "%00.jpg"),
    "https://evil.example/x.jpg",
)
#: Systems keep them for themselves, or read them as others.
OF_SYSTEMS = (
    *("CON.jpg", "nul.jpg", "aux/NUL.jpg", "COM1.jpg", "lpt\u00b9.jpg", "a.jpg.", "a.jpg "),
    *(" leading.jpg", "a /b.jpg", "a./b.jpg", "a:stream.jpg", "a<b>|c?*.jpg", ".jpg"),
    *(".hidden.jpg", "A/1.jpg", "a/1.JPG", "a/1.jpg/x.jpg", "\u00e9.jpg", "e\u0301.jpg"),
    *("\u00c9.jpg", "\u00df.jpg", "SS.jpg", "\u212a.jpg", "k.jpg", LONG),
    *("\u65e5" * 300 + ".jpg", "a/" * 200 + "b.jpg", "x" * 1020 + ".jpg"),
)
#: They steer a terminal or a log, or look like others.
UNSEEN = (
    *("new\nline.jpg", "a\r\nb.jpg", "tab\tx.jpg", "nul\0.jpg", "\x01.jpg", "\x1b[2J.jpg"),
    *("\x1b]0;pwned\x07.jpg", "\x7f.jpg", "\x85.jpg", "\u2028.jpg", "\ufffe.jpg", "\u200b.jpg"),
    *("\u202egpj.exe.jpg", "\u2066a\u2069.jpg", "\ufeffa.jpg"),
    *(f"a{FORGED}.jpg", f"a{FORGED}/x.jpg", f"/abs{FORGED}.jpg", f"a\r{FORGED}.jpg"),
)
#: A page, a spreadsheet, a shell or a template would run them.
RUN = (
    *("<script>alert(1)</script>.jpg", "<img src=x onerror=alert(1)>.jpg", "&lt;b&gt;.jpg"),
    *('"><svg onload=alert(1)>.jpg', "'onmouseover='alert(1).jpg", "</script>.jpg", "<!--.jpg"),
    *("{{7*7}}.jpg", "${7*7}.jpg", "=cmd|' /C calc'!A0.jpg", "+1.jpg", "-1.jpg", "@SUM(1).jpg"),
    *("\t=1.jpg", "\r=1.jpg", "'=1.jpg", "\uff1d1.jpg", "\"quoted\",'x'.jpg", "a,b;c.jpg"),
    *("-rf.jpg", "--help.jpg", "$(id).jpg", "`id`.jpg", "a;b|c&d.jpg", "*.jpg", "[red]x[/].jpg"),
    *("q?z=1&sig=b.jpg", "x#y.jpg", "a+b&c=d;e,f.jpg", "100%.jpg", "~'(1)!*@:$.jpg", ":cat:.jpg"),
)
#: Nobody means harm by them.
OF_PEOPLE = (
    *("a b.jpg", "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac/\u65e5\u672c/\u0915.jpg"),
    *("\U0001f98a.jpg", "\u0637\u0627\u0626\u0631.jpg"),
)

HOSTILE = (*LEADING_OUT, *OF_SYSTEMS, *UNSEEN, *RUN, *OF_PEOPLE)

# Bytes of one part of a path. Source: Linux, `limits.h`.
_LONGEST_PART = 255


def is_file_name(name: str) -> bool:
    """Whether a file of just this name can lie below a folder of a Unix system."""
    parts = name.split("/")
    short = all(len(os.fsencode(part)) <= _LONGEST_PART for part in parts)
    return short and "\0" not in name and not {"", ".", ".."} & set(parts)


def is_blob_name(name: str) -> bool:
    """Whether Azure keeps a blob of this name, and lists it as it is.

    Source: Microsoft Learn, "Naming and referencing containers, blobs and metadata"; control
    characters break the listing of a whole container, and `test_a_name_that_breaks_the_listing`
    has them.
    """
    if {".", ".."} & set(name.split("/")) or "\\" in name or len(name) > 1024:
        return False
    if name.endswith((".", "/")):
        return False
    return not any((mark < " " and mark not in "\t\n") or mark == "\ufffe" for mark in name)
