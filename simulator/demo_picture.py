"""A terminal's screen as an SVG that stands alone: it fetches no font."""

import io

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

WIDTH = 100
TITLE = "faubourg-sim demo"
FONTS = "ui-monospace, 'DejaVu Sans Mono', 'Cascadia Mono', Menlo, Consolas, monospace"

# Calm on a white page as on a dark one: background, foreground, eight colours, eight bright ones.
THEME = TerminalTheme(
    (24, 28, 36), (221, 225, 232),
    [(24, 28, 36), (224, 108, 117), (126, 190, 118), (229, 192, 123),
     (97, 160, 234), (198, 120, 221), (92, 187, 200), (221, 225, 232)],
    [(98, 106, 122), (240, 134, 142), (152, 210, 144), (240, 210, 150),
     (130, 184, 245), (215, 150, 235), (125, 207, 218), (255, 255, 255)])

# Doubled braces are the style sheet's own; the names are those that rich fills in.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
font-family: FONTS; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: FONTS; font-size: 17px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)


def svg_of(screen: RenderableType) -> str:
    """Return what `screen` looks like on a terminal of 100 columns."""
    recorder = Console(record=True, width=WIDTH, file=io.StringIO())
    recorder.print(screen)
    return recorder.export_svg(title=TITLE, theme=THEME, code_format=_SVG, unique_id="demo")
