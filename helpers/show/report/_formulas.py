"""TeX in prose as drawings: matplotlib sets it, so the page needs no MathJax and no network."""

import html
import re

from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath, TextToPath

DOLLARS = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
FRACTION = re.compile(r"\\t?frac\s*(\w)\s*(\w)")  # TeX lets \frac12 do without braces, matplotlib does not
SIZE = 16  # units an em; the drawing is then scaled to the text around it
FONT = FontProperties(size=SIZE, math_fontfamily="stix")
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


def set_in(text):
    """Plain text as HTML in which every $formula$ and $$formula$$ is drawn; the rest is escaped."""
    parts, end = [], 0
    for match in DOLLARS.finditer(text):
        parts += [html.escape(text[end : match.start()]), draw(match[1] or match[2], display=bool(match[1]))]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def draw(tex, display=False):
    r"""One formula as an <svg> in the colour of its text, its TeX beside it for those who listen.

    What matplotlib cannot set stands there as TeX: visible, and readable by those who know it.
    """
    said = html.escape(tex.strip(), quote=True)
    source = "$" + FRACTION.sub(r"\\frac{\1}{\2}", " ".join(tex.split())) + "$"
    try:
        width, height, descent = TextToPath().get_text_width_height_descent(source, FONT, ismath=True)
        path = TextPath((0, 0), source, prop=FONT)
    except ValueError:
        return f"<code>{said}</code>"
    strokes = " ".join(_stroke(points, code) for points, code in path.iter_segments(simplify=False))
    style = f"width:{width / SIZE:.2f}em;height:{(height + 1) / SIZE:.2f}em;vertical-align:{-descent / SIZE:.2f}em"
    box = f"0 {descent - height - 0.5:.2f} {width:.2f} {height + 1:.2f}"
    frame = f'class="formula" role="img" aria-label="{said}" viewBox="{box}" style="{style}"'
    drawn = f'<svg {frame}><path d="{strokes}"/></svg>'
    return f'<span class="display">{drawn}</span>' if display else drawn


def _stroke(points, code):
    """One command of an SVG path; there y grows downwards. points: x, y, x, y ... of matplotlib's segment."""
    if code == Path.CLOSEPOLY:
        return "Z"
    return LETTERS[code] + " ".join(f"{x:.2f} {-y:.2f}" for x, y in points.reshape(-1, 2))
