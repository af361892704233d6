"""Prints what a run would do."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.terminal import Rows, make_console, one_line
from hr_sync.domain.outcome import release_command
from hr_sync.domain.principal_words import number

if TYPE_CHECKING:
    from hr_sync.domain.deletion import DeletionPlan
    from hr_sync.sync.dry_run import SpacePreview

_MAX_ROWS = 50  # of a plan; the JSON form has them all


def print_previews(previews: Sequence["SpacePreview"], config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print what a run would do, each step with its reason."""
    console = make_console()
    for preview in previews:
        key, plan = one_line(preview.space_key), preview.plan
        held = preview.held
        if preview.error is not None:
            console.print(
                f"Space {key} ({preview.kind}): nothing is known. {one_line(with_config(preview.error, config))}",
                soft_wrap=True,
            )
            continue
        console.print(
            f"Space {key} ({preview.kind}): {number(len(plan.steps), 'step')}, "
            f"{number(plan.unchanged, 'page')} unchanged, {number(preview.requests, 'request')} for "
            f"{number(len(plan.fetches), 'body', 'bodies')}."
        )
        steps = [*sorted(_steps(preview)), *sorted(_item_steps(preview))]
        table = Rows("page or item", "action", "reason")
        for step in steps[:_MAX_ROWS]:
            table.add(*step)
        if steps:
            console.print(table.table)
        if len(steps) > _MAX_ROWS:
            console.print(f"… and {len(steps) - _MAX_ROWS} more; --json shows them all.")
        if held:
            plans = (preview.deletions, *(found.deletions for found in preview.items.values()))
            reasons = (plan.held_reason for plan in plans)
            would = (
                f"{number(len(held), 'removal')} would be held: {'; '.join(filter(None, reasons))}. To remove them: "
                f"`{release_command(preview.space_key)}`."
            )
            console.print(one_line(with_config(would, config)), soft_wrap=True)
    console.print("Nothing was written.")


def _steps(preview: "SpacePreview") -> Iterator[tuple[str, str, str]]:
    """Yield page, action and reason of everything that a run would do."""
    leaving = _leaving(preview.deletions)
    for step in preview.plan.steps:
        if step.page_id not in leaving:
            yield step.page_id, str(step.action), step.reason
    for page_id, (what, evidence) in leaving.items():
        yield page_id, what, evidence
    for attribute in preview.attributes:
        yield attribute.page_id, str(attribute.action), attribute.reason


def _item_steps(preview: "SpacePreview") -> Iterator[tuple[str, str, str]]:
    """Yield id, action and reason of everything that a run would do with attachments and comments."""
    for found in preview.items.values():
        for write in found.writes:
            name = getattr(write.item, "name", None)  # comments have none
            yield write.item.id, str(write.action), f"{name}: {write.reason}" if name else write.reason
        for item_id, (what, evidence) in _leaving(found.deletions).items():
            yield item_id, what, evidence


def _leaving(deletions: "DeletionPlan") -> dict[str, tuple[str, str]]:
    """Return what becomes of what a plan is about, and why, by id."""
    leaving: dict[str, tuple[str, str]] = {}
    for what, decisions in (
        ("hide", deletions.hide),
        ("hide; a later run that agrees removes it", deletions.unconfirmed),
        ("hide and remove", deletions.remove),
        ("hide; its removal is held", deletions.held),
        ("keep, no evidence", [each for each in deletions.doubtful if each not in deletions.hide]),
    ):
        leaving |= {each.page_id: (what, each.evidence) for each in decisions}
    return leaving
