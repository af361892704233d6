# ruff: noqa: RUF001 - emoji
"""Which macro is what. A macro that stands in no list is unknown: it is shown as a placeholder and counted."""

#: Navigation, and furniture of the page: nothing to read. A body is rendered all the same, should there be one.
DROPPED = frozenset(
    """
    anchor attachments change-history contributors contributors-summary create-from-template create-page-button
    create-space-button favpages gallery global-reports listlabels livesearch navmap network navitabs page-info pagetree
    pagetreesearch popular-labels profile-picture recently-updated recently-updated-dashboard recently-used-labels
    related-labels search searchbox space-attachments space-details space-index spaces spaces-list style stylesheet
    toc toc-zone-empty userlister viewtracker
    """.split()  # noqa: SIM905 - words read best as words
)

#: What Confluence or an app computes when the page is shown → what it shows, in words.
COMPUTED = {
    "blog-posts": "blog posts",
    "blogposts": "blog posts",
    "calendar": "calendar",
    "children": "child pages",
    "childrendisplay": "child pages",
    "content-report-table": "pages with given labels",
    "contentbylabel": "pages with given labels",
    "contentbyuser": "pages of a person",
    "decisionreport": "decisions",
    "decision-report": "decisions",
    "detailssummary": "page properties of other pages",
    "index": "all pages of the space",
    "jirachart": "chart of Jira issues",
    "jiraissues": "Jira issues",
    "jiraroadmap": "Jira roadmap",
    "pagepropertiesreport": "page properties of other pages",
    "roadmap": "roadmap",
    "rss": "news feed",
    "sql": "result of a database query",
    "sql-query": "result of a database query",
    "table-excerpt-include": "table of another page",
    "tasks-report-macro": "tasks of other pages",
    "tasks-report": "tasks of other pages",
    "team-calendar": "calendar",
    "user-list": "people",
    "userprofile": "profile of a person",
}

#: Another page's text → whether it is a named part of it.
INCLUDES = {
    "include": False,
    "include-page": False,
    "excerpt-include": True,
    "multiexcerpt-include": True,
    "multiexcerpt-include-macro": True,
}
EXCERPTS = frozenset({"excerpt", "multiexcerpt", "multiexcerpt-macro"})

#: Pictures that an app draws from a file of its own → the parameters that may name them.
DIAGRAMS = frozenset(
    {"drawio", "drawio-sketch", "inc-drawio", "gliffy", "lucidchart", "lucidchart-app", "balsamiq", "mermaid-cloud",
     "plantumlcloud", "excalidraw", "miro", "smartdraw"}
)  # fmt: skip
DIAGRAM_NAMES = ("diagramDisplayName", "diagramName", "displayName", "name", "filename", "title", "page-title")

#: A file or an address that is shown in a frame → the parameters that may name it.
EMBEDDED = frozenset(
    {"view-file", "viewfile", "viewpdf", "viewdoc", "viewxls", "viewppt", "multimedia", "office-word", "office-excel",
     "widget", "iframe", "html-include", "trello", "youtube", "video"}
)  # fmt: skip
EMBEDDED_NAMES = ("name", "url", "src", "file", "attachment", "")

#: Macros that are boxes with a label → the label.
BOXES = {
    "info": "Info",
    "note": "Note",
    "tip": "Tip",
    "warning": "Warning",
    "success": "Success",
    "error": "Error",
    "decision": "Decision",
    "panel": "",
    "auipanel": "",
    "bgpanel": "",
    "quote": "",
}

#: Macros that only arrange or decorate their body. Their title or label is text, their other parameters are not.
TRANSPARENT = frozenset(
    """
    align alert aui-message aura-panel aura-tab aura-tab-collection auibuttongroup auihorizontalnav auihorizontalnavpage
    auitabs auitabspage bgcolor
    builder-hide builder-show card cards center chart cell clickable color column composition-setup content-block
    content-layer deck details div drop-down easyheading expand expand-all footnote footnotes hide-if highlight
    horizontal-nav-group horizontal-nav-item indent lang localtab localtabgroup numberedheadings nestedexpand page-break
    pagebreak pivot-table privacy-marker rw-tab rw-ui-tabs-macro scroll-content scroll-ignore scroll-only
    scroll-pagebreak section show-if show-to slide small span table-chart table-filter table-joiner table-plus
    table-spreadsheet table-transformer tab tabs tabs-container tabs-page toc-zone tooltip translation ui-children
    ui-expand ui-step ui-steps ui-tab ui-tabs ui-text-box visibility widget-box
    """.split()  # noqa: SIM905 - words read best as words
)
TITLES = ("title", "label", "heading")

#: Macros whose body is text as it stands → the language of the fence; None = the parameter `language`.
PREFORMATTED = {
    "code": None,
    "codeblock": None,
    "code-block": None,
    "noformat": "",
    "preformatted": "",
    "plantuml": "plantuml",
    "plantumlrender": "plantuml",
    "mermaid": "mermaid",
    "mermaid-macro": "mermaid",
    "markdown": "markdown",
    "html": "html",
    "html-macro": "html",
    "unmigrated-wiki-markup": "",
    "unmigrated-inline-wiki-markup": "",
}

#: Formulas → whether they stand in a line of their own.
FORMULAS = {
    "easy-math-block": True,
    "eazy-math-block": True,
    "mathblock": True,
    "mathblock-ref": True,
    "latex": True,
    "latex-formatting": True,
    "math": True,
    "easy-math-inline": False,
    "eazy-math-inline": False,
    "mathinline": False,
}

#: The old emoticons; newer ones carry their own character.
EMOTICONS = {
    "smile": "🙂",
    "sad": "🙁",
    "cheeky": "😛",
    "laugh": "😀",
    "wink": "😉",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "information": "ℹ️",
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠️",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "light-on": "💡",
    "light-off": "💡",
    "yellow-star": "⭐",
    "red-star": "⭐",
    "green-star": "⭐",
    "blue-star": "⭐",
    "heart": "❤️",
    "broken-heart": "💔",
}
