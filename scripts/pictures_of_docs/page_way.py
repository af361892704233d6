"""The way of a page from the wire to the row, and from there to a consumer."""

from pictures_of_docs.svg import QUIET, Drawing

_ROWS = (
    (
        "fetch",
        "green",
        (
            ("listing", "heads without bodies", "complete, or an error"),
            ("plan", "new, changed, moved,", "unchanged, absent"),
            ("bodies", "of changed pages alone,", "100 ids a request"),
            ("decode", "checked, sanitised,", "hashed"),
        ),
    ),
    (
        "write",
        "blue",
        (
            ("transaction", "up to 250 pages under the", "lease of the space"),
            ("compare", "rows locked in order,", "unchanged: nothing"),
            ("row and body", "confluence_pages,", "page_bodies"),
            ("feed", "what changed, numbered", "before the commit"),
        ),
    ),
    (
        "show",
        "amber",
        (
            ("who may read", "space AND above AND", "own: one access set"),
            ("texts", "Markdown, sections,", "search vectors"),
            ("views, functions", "known, recent, and", "passed by the asker"),
            ("consumer", "chatbot, search,", "index"),
        ),
    ),
)


def page_way() -> str:
    """Return the picture."""
    drawing = Drawing(title="The way of a page from Confluence to a consumer", width=960, height=372)
    for number, (name, fill, steps) in enumerate(_ROWS):
        y = 24 + number * 116
        drawing.words(20, y + 46, [f"*{name}"], size=14, anchor="start")
        for place, (head, *below) in enumerate(steps):
            x = 96 + place * 218
            drawing.card(x, y, 184, 82, [f"*{head}", *below], fill=fill)
            if place:
                drawing.arrow((x - 32, y + 41), (x - 4, y + 41))
        if number:
            drawing.arrow((842, y - 32), (842, y - 17), (188, y - 17), (188, y - 4))
    drawing.words(
        96,
        366,
        ["What is not known is never shown. No request is made inside a transaction."],
        size=11,
        anchor="start",
        colour=QUIET,
    )
    return drawing.text()
