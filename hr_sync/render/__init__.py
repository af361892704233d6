"""Confluence's storage format as Markdown and as sections. Pure: no file, no network, no database.

`page.render_page` is the entry; `result` holds what goes in and what comes out. The standard library's expat reads the
bodies: it needs no further dependency, has no limit on depth or on the length of a text, and its elements are read
faster from Python than lxml's (docs/adr/0009-render-with-expat.md).
"""
