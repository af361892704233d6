"""A few shapes of SVG. Fonts are those of the reader's machine, so that a picture loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

INK = "#1f2937"
QUIET = "#6b7280"
LINE = "#9ca3af"
FILLS = {"blue": "#dbeafe", "green": "#dcfce7", "amber": "#fef3c7", "rose": "#ffe4e6", "grey": "#f3f4f6"}


@dataclass(kw_only=True)
class Drawing:
    """A picture that shapes are added to."""

    title: str  #: what a screen reader says
    width: int
    height: int
    _shapes: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = "grey", radius: int = 6) -> None:
        """Add a rectangle."""
        self._shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" fill="{FILLS[fill]}" '
            f'stroke="{LINE}"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Add a bar of a plot."""
        self._shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{colour}" stroke="{LINE}"/>'
        )

    def line(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Add a line of a plot through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')

    def words(
        self, x: float, y: float, lines: Sequence[str], *, size: int = 13, anchor: str = "middle", colour: str = INK
    ) -> None:
        """Add lines of text; the first one is at `y`. A line that begins with * is bold."""
        for number, line in enumerate(lines):
            weight = ' font-weight="600"' if line.startswith("*") else ""
            self._shapes.append(
                f'<text x="{x:g}" y="{y + number * size * 1.35:g}" font-size="{size}" text-anchor="{anchor}" '
                f'fill="{colour}"{weight}>{escape(line.removeprefix("*"))}</text>'
            )

    def card(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: Sequence[str],
        *,
        fill: str = "grey",
        size: int = 13,
    ) -> None:
        """Add a box with lines of text in its middle."""
        self.box(x, y, width, height, fill=fill)
        first = y + height / 2 - (len(lines) - 1) * size * 1.35 / 2 + size * 0.36
        self.words(x + width / 2, first, lines, size=size)

    def arrow(self, *points: tuple[float, float], dashed: bool = False) -> None:
        """Add a line through points, with a head at its end."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dashes = ' stroke-dasharray="4 3"' if dashed else ""
        self._shapes.append(
            f'<polyline points="{path}" fill="none" stroke="{QUIET}" stroke-width="1.5" '
            f'marker-end="url(#head)"{dashes}/>'
        )

    def text(self) -> str:
        """Return the picture as SVG."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" font-family="system-ui, sans-serif">\n'
            f"<title>{escape(self.title)}</title>\n"
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{QUIET}"/></marker></defs>\n'
            f'<rect width="{self.width}" height="{self.height}" rx="8" fill="#ffffff"/>\n'
            + "\n".join(self._shapes)
            + "\n</svg>\n"
        )
