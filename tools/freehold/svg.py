# SPDX-License-Identifier: MIT
"""A picture as SVG: rectangles with a title that shows on hover, and words."""
import re
from xml.sax.saxutils import escape, quoteattr

FONT = "ui-monospace,DejaVu Sans Mono,monospace"
LETTER = 0.62  # the width of a letter over the font's size
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(words):
    """Without what no XML document may have."""
    return ILLEGAL.sub("?", words)


def fit(words, width, size):
    """WORDS, cut to WIDTH."""
    letters = int(width / (size * LETTER))
    if len(words) <= letters:
        return words
    return words[:letters - 1] + "\u2026" if letters > 2 else ""


def short(place):
    """A coordinate in a few letters."""
    return f"{place:.2f}".rstrip("0").rstrip(".")


class Picture:
    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{short(width)}" height="{short(height)}" '
            f'viewBox="0 0 {short(width)} {short(height)}" font-family={quoteattr(FONT)}>',
            f"<title>{escape(clean(title))}</title>",
            f'<rect width="{short(width)}" height="{short(height)}" fill="#fff"/>']

    def rectangle(self, x, y, width, height, fill, title=None, edge=None):
        attributes = (f'x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}" '
                      f'fill="{fill}"' + (f' stroke="{edge}" stroke-width=".5"' if edge else ""))
        if title:
            self.parts.append(f"<rect {attributes}><title>{escape(clean(title))}</title></rect>")
        else:
            self.parts.append(f"<rect {attributes}/>")

    def words(self, x, y, words, size=12, fill="#222", anchor=None):
        if words:
            place = f' text-anchor="{anchor}"' if anchor else ""
            self.parts.append(f'<text x="{short(x)}" y="{short(y)}" font-size="{short(size)}" fill="{fill}"{place} '
                              f'pointer-events="none">{escape(clean(words))}</text>')

    def open(self, **attributes):
        self.parts.append("<g" + "".join(f" {name.replace('_', '-')}={quoteattr(value)}"
                                         for name, value in attributes.items()) + ">")

    def close(self):
        self.parts.append("</g>")

    def text(self):
        return "\n".join([*self.parts, "</svg>", ""])
