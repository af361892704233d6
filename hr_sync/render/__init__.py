"""Confluence's storage format as Markdown and as sections. Pure: no file, no network, no database.

`page.render_page` is the entry; `result` holds what goes in and what comes out. The standard library's expat reads the
bodies, not lxml: it adds no dependency, has no limit on depth or on the length of a text beyond which text is lost, and
takes prefixes that are not declared. Parsing and walking the sample handbook together take as long as with lxml.
"""
