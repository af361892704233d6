"""What computed macros show to one caller, in the HTML of `view` and `export_view`.

Elements and classes are those of public pages and exporters' tests: the output of a macro carries its name, and its id
where the storage format has one. `view` leaves some of it to the browser: issues of Jira are still to be loaded, and
the table of a page properties report has no rows. `export_view` is complete, and its links are absolute.
"""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from confluence_simulator.call import Call
from confluence_simulator.links import page_path
from confluence_simulator.rendering import as_view
from confluence_simulator.v1.people import shown_name
from confluence_simulator.world import Content, Page, WorldError

MACRO = re.compile(
    r"<ac:structured-macro\b(?P<attributes>[^>]*?)(?:/>|>(?P<inner>(?:(?!<ac:structured-macro\b).)*?)</ac:structured-macro>)",
    re.DOTALL,
)
MENTION = re.compile(r'<ac:link>\s*<ri:user ri:(account-id|userkey)="([^"]*)"\s*/>\s*</ac:link>')
PARAMETER = re.compile(r'<ac:parameter ac:name="([^"]*)">(.*?)</ac:parameter>', re.DOTALL)
ROW = re.compile(r"<tr>\s*<th[^>]*>(.*?)</th>\s*<td[^>]*>(.*?)</td>\s*</tr>", re.DOTALL)
LABEL = re.compile(r'"([^"]+)"')
ISSUES = (("HR-1", "Renew the contract"), ("HR-2", "Order a badge"))


def rendered_body(call: Call, content: Content, body_format: str) -> str:
    """Return the body of content as the caller would be shown it."""
    if not isinstance(content, Page):
        return as_view(content.storage)
    outputs: list[str] = []

    def output(match: re.Match[str]) -> str:
        name = _attribute(match["attributes"], "name")
        show = SHOW.get(name)
        if show is None:
            return match[0]
        parameters = dict(PARAMETER.findall(match["inner"] or ""))
        macro_id = _attribute(match["attributes"], "macro-id")
        identity = f' data-macro-id="{macro_id}"' if macro_id else ""
        wrapper = f'conf-macro output-block" data-hasbody="false"{identity} data-macro-name="{name}"'
        outputs.append(show(call, content, parameters, wrapper, body_format == "export_view"))
        return f"\x02{len(outputs) - 1}\x02"

    text = as_view(MENTION.sub(lambda match: _kept_mention(call, match, outputs), MACRO.sub(output, content.storage)))
    while "\x02" in text:
        text = re.sub(r"\x02(\d+)\x02", lambda match: outputs[int(match[1])], text)
    return text


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf'\bac:{name}="([^"]*)"', attributes)
    return found[1] if found else ""


def _kept_mention(call: Call, match: re.Match[str], outputs: list[str]) -> str:
    outputs.append(_mention(call, match))
    return f"\x02{len(outputs) - 1}\x02"


def _mention(call: Call, match: re.Match[str]) -> str:
    """Return a link to a profile, with the name as the caller is shown it."""
    try:
        user = call.world.user(match[2])
    except WorldError:
        return "@Unknown User"
    name = html.escape(shown_name(user))
    if match[1] == "account-id":
        data, path = f'data-account-id="{user.account_id}"', f"/people/{user.account_id}"
    else:
        data, path = f'data-username="{user.username}"', f"/display/~{user.username}"
    return f'<a class="confluence-userlink user-mention" {data} href="{call.site_url}{path}">{name}</a>'


def _link(call: Call, page: Page, *, absolute: bool) -> str:
    path = page_path(call.world.space(page.space_id).address, page.id, page.title)
    return f'<a href="{call.site_url if absolute else call.tenant.context}{path}">{html.escape(page.title)}</a>'


def _visible(call: Call, rows: Iterator[Any]) -> list[Page]:
    return [row for row in rows if isinstance(row, Page) and row.status == "current" and call.sees(row)]


def _labelled(call: Call, parameters: dict[str, str]) -> list[Page]:
    asked = parameters.get("cql") or parameters.get("labels") or parameters.get("label") or ""
    labels = set(LABEL.findall(html.unescape(asked))) or {asked}
    pages = _visible(call, iter(call.world.pages(status="current")))
    return [page for page in pages if labels & {label.name for label in page.labels}]


def _children(call: Call, page: Page, _: dict[str, str], wrapper: str, absolute: bool) -> str:
    children = _visible(call, iter(call.world.under(page.id)))
    rows = "".join(
        f'<li><span class="child-display">{_link(call, row, absolute=absolute)}</span></li>' for row in children
    )
    return f'<ul class="childpages-macro {wrapper}>{rows}</ul>'


def _by_label(call: Call, _: Page, parameters: dict[str, str], wrapper: str, absolute: bool) -> str:
    icon = '<div><span class="icon aui-icon content-type-page" title="Page">Page:</span></div>'
    rows = "".join(
        f'<li>{icon}<div class="details">{_link(call, row, absolute=absolute)}</div></li>'
        for row in _labelled(call, parameters)
    )
    return f'<ul class="content-by-label {wrapper}>{rows}</ul>'


def _report(call: Call, _: Page, parameters: dict[str, str], wrapper: str, absolute: bool) -> str:
    """Return the table of a page properties report: a row for each page, and a column for each property."""
    found = [(page, dict(ROW.findall(page.storage))) for page in _labelled(call, parameters)]
    names = list(dict.fromkeys(name for _, properties in found for name in properties))
    head = "".join(f"<th>{name}</th>" for name in ("Title", *names))
    rows = "".join(
        f"<tr><td>{_link(call, page, absolute=absolute)}</td>"
        + "".join(f"<td>{MENTION.sub(lambda match: _mention(call, match), each.get(name, ''))}</td>" for name in names)
        + "</tr>"
        for page, each in found
    )
    table = f'<table class="aui metadata-summary-macro"><thead><tr>{head}</tr></thead>'
    return f'<div class="table-wrap {wrapper}>{table}<tbody>{rows if absolute else ""}</tbody></table></div>'


def _jira(call: Call, _: Page, parameters: dict[str, str], wrapper: str, absolute: bool) -> str:
    del call
    if not absolute:
        waiting = '<span class="aui-icon aui-icon-wait issue-placeholder"> </span>'
        return f'<span class="confluence-jim-macro jira-issue {wrapper}>{waiting}Getting issue details...</span>'
    issues = [each for each in ISSUES if parameters.get("key", each[0]) == each[0]]
    rows = "".join(f'<tr><td><a href="https://jira.example/browse/{key}">{key}</a></td><td>{what}</td></tr>'
                   for key, what in issues)  # fmt: skip
    hidden = '<fieldset class="hidden parameters"><input type="hidden" value="jql"></fieldset>'
    return f'<div class="jira-table {wrapper}>{hidden}<table><tr><th>Key</th><th>Summary</th></tr>{rows}</table></div>'


SHOW: dict[str, Callable[[Call, Page, dict[str, str], str, bool], str]] = {
    "children": _children,
    "contentbylabel": _by_label,
    "detailssummary": _report,
    "jira": _jira,
}
