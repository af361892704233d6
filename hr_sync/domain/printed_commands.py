"""Commands in messages stand in backticks. They are completed where they are shown, so that they work when typed."""

import re
import shlex
from collections.abc import Mapping

_COMMAND = re.compile(r"(?<=`)hr-sync [^`\n]+(?=`)")
_WITHOUT_SITE = re.compile("hr-sync (init|simulate|demo|config (schema|example))(?![-a-z])")


def complete_commands(text: str, *, file: str | None = None, site: str | None = None) -> str:
    """Add `--config` and `--site` to every command in a text; a command that names a site already stays as it is.

    `file`: the settings file, `site`: the one of several sites that the text is about; None: nothing is added.
    """
    config = "" if file is None else f" --config {shlex.quote(file)}"
    of_site = "" if site is None else f" --site {site}"

    def complete(command: re.Match[str]) -> str:
        takes_site = not _WITHOUT_SITE.match(command[0]) and " --site " not in command[0]
        return command[0] + config + (of_site if takes_site else "")

    return _COMMAND.sub(complete, text)


def complete_document(document: Mapping[str, object], *, site: str | None) -> dict[str, object]:
    """Return the same document, with the commands in its texts completed."""
    return {key: _completed(value, site) for key, value in document.items()}


def _completed(value: object, site: str | None) -> object:
    if isinstance(value, str):
        return complete_commands(value, site=site)
    if isinstance(value, Mapping):
        return {key: _completed(each, site) for key, each in value.items()}
    return [_completed(each, site) for each in value] if isinstance(value, list | tuple) else value
