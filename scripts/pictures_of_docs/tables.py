"""The tables in groups, with the columns by which they refer to each other."""

from collections.abc import Sequence

from reference_pages.database import all_tables

from pictures_of_docs.svg import QUIET, Drawing

_GROUPS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("pages", "blue", ("confluence_pages", "page_bodies", "page_failures", "content_nodes")),
    ("texts", "green", ("page_texts", "page_sections", "page_includes", "text_policy")),
    (
        "who may read",
        "amber",
        (
            *("access_sets", "access_layers", "access_principals", "access_policy", "space_permissions"),
            *("groups", "group_members", "identities", "access_audits"),
        ),
    ),
    ("runs", "grey", ("sync_spaces", "sync_runs", "sync_run_spaces", "content_not_mirrored")),
    ("feed", "rose", ("content_changes", "feed_consumers", "feed_state")),
)
"""Column, name of the group, its colour, tables; what is in none stands in a group of its own."""

_LINKS = {
    "page_id",
    "host_id",
    "included_id",
    "access_set_id",
    "set_id",
    "space_id",
    "group_id",
    "user_id",
    "run_id",
    "parent_id",
}


def tables() -> str:
    """Return the picture."""
    declared = {each.name: each for each in all_tables()}
    named = {name for _, _, names in _GROUPS for name in names}
    others = tuple(sorted(set(declared) - named))
    groups = [*_GROUPS, *([("others", "grey", others)] if others else [])]
    bottoms = []
    drawing = Drawing(title="The tables of the mirror, in groups", width=20 + 218 * len(groups), height=0)
    for place, (group, fill, names) in enumerate(groups):
        x, y = 20 + place * 218, 54
        drawing.words(x + 2, 34, [f"*{group}"], anchor="start", size=14)
        for name in names:
            keys = [column.name for column in declared[name].primary_key.columns]
            links = [each.name for each in declared[name].columns if each.name in _LINKS and each.name not in keys]
            height = 30 + 15 * (bool(keys) + bool(links))
            drawing.box(x, y, 200, height, fill=fill)
            drawing.words(x + 10, y + 19, [f"*{name}"], anchor="start", size=12)
            if keys:
                drawing.words(x + 10, y + 36, ["key " + ", ".join(keys)], anchor="start", size=10, colour=QUIET)
            if links:
                drawing.words(x + 10, y + 51, ["→ " + ", ".join(links)], anchor="start", size=10, colour=QUIET)
            y += height + 12
        bottoms.append(y)
    drawing.height = max(bottoms) + 26
    drawing.words(
        20,
        drawing.height - 12,
        ["page_id refers to confluence_pages, access_set_id and set_id to access_sets, space_id to a space."],
        anchor="start",
        size=11,
        colour=QUIET,
    )
    return drawing.text()
