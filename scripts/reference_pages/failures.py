"""The exit codes, and the tree of expected failures as errors.py draws it."""

import re

from hr_sync import errors
from hr_sync.domain.outcome import ExitCode
from reference_pages.markdown import table

_MEANINGS = {
    ExitCode.COMPLETE: ("complete; also nothing to do, or another worker has the spaces", ""),
    ExitCode.FAILED: ("failed: a bug, or something unforeseen", "perhaps"),
    ExitCode.USAGE: ("wrong usage", "no"),
    ExitCode.PARTIAL: ("partial: some pages failed, or a listing could not be trusted", "yes"),
    ExitCode.HELD: ("held: a mass of removals, or a narrower scope, waits for a decision", "no"),
    ExitCode.SNAPSHOT_NEEDED: ("a consumer of the feed has to take a snapshot: `hr-sync changes snapshot`", "no"),
    ExitCode.TEMPORARY: (
        "temporary: Confluence or the database could not be reached or limited the rate; or a signal",
        "yes",
    ),
    ExitCode.REFUSED: ("credentials refused, or not allowed", "no"),
    ExitCode.CONFIGURATION: ("configuration or schema is wrong", "no"),
}
_DRAWN = re.compile(r"^[│├└─ ]*[A-Z]\w+ +\d+  .*$", re.MULTILINE)
_PAGE = """# Exit codes and errors

## Exit codes

{codes}
[What to do when something is wrong](../operations.md#what-to-do-when-something-is-wrong) has the steps for each.

## Errors

What `hr_sync.errors` holds, with the exit code that each ends the process with. A message ends with the
remedy, and holds no secret and no text of a page. Who catches an error catches those below it too.

```text
{tree}
```
"""


def failures_page() -> str:
    """Return the page."""
    rows = [(str(int(each)), *_MEANINGS[each]) for each in ExitCode]
    tree = "\n".join(_DRAWN.findall(errors.__doc__ or ""))
    return _PAGE.format(codes=table(("code", "meaning", "retry helps"), rows), tree=tree)
