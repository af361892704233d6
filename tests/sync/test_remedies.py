"""A remedy that is printed works when it is typed: the command exists, and does what is said in that very situation."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

import hr_sync
from hr_sync.cli.main import app
from hr_sync.domain.outcome import RunReport
from tests.support.wiring import ask, context_of, full, live_ids, mirrored, preview

SOURCES = sorted(Path(hr_sync.__file__).parent.rglob("*.py"))
COMMAND = re.compile(r"(?:`|Run: |run: )(hr-sync [^`\"]*)")


def printed_commands() -> list[str]:
    """Return every command that stands in a message or a docstring of the program."""
    found = {match.strip(" .") for path in SOURCES for match in COMMAND.findall(path.read_text(encoding="utf-8"))}
    return sorted(re.sub(r"\{[^}]*\}", "X", each) for each in found)


def test_every_printed_command_exists() -> None:
    """With each of its options."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    printed = printed_commands()
    assert len(printed) >= 8
    for line in printed:
        _, name, *rest = shlex.split(line) if " " in line else [line, "--help"]
        if name.startswith("-"):
            continue
        assert name in commands, line
        command = commands[name]
        if rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest[0]]
        options = {each for parameter in command.params for each in parameter.opts}
        assert {each for each in rest if each.startswith("-")} <= options, line


def world_with(pages: int, *keys: str) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def space_in(command: str) -> str:
    """Return the space that a shell would hand to the command."""
    words = shlex.split(command)
    assert "~" not in command.replace("'", "\0").split("\0")[0], "a shell would expand this"
    return words[words.index("--space") + 1]


def remedies(report: RunReport, key: str) -> list[str]:
    """Return the commands that the report of a space prints."""
    error = next(each.error for each in report.spaces if each.space_key == key)
    return re.findall(r"`(hr-sync run [^`]*)`", error or "")


def lose_a_space(world: World) -> None:
    """Withdraw the space permission."""
    world.forbid_space("~root", group="confluence-users")


def trash_a_mass(world: World) -> None:
    """Put most of the pages of the space into the trash."""
    for page in world.pages(space_key="~root")[:25]:
        world.trash_page(page.id)


def archive_the_space(world: World) -> None:
    """Archive the space."""
    world.archive_space("~root")


@pytest.mark.parametrize("loss", [lose_a_space, trash_a_mass, archive_the_space])
def test_what_a_held_space_prints_works_when_it_is_typed(engine: Engine, loss: object) -> None:
    """Looking shows what waits; releasing removes it; also for a personal space, whose key a shell would expand."""
    world = world_with(30, "~root", "PUB")
    with Simulator(world) as site:
        context = context_of(site, engine, spaces=("~root", "PUB"))
        full(context)
        loss(world)  # type: ignore[operator]

        look, release = remedies(full(context), "~root")

        held = int(ask(engine, "SELECT held FROM sync_spaces WHERE space_key = '~root'")[0][0])
        assert held >= 25
        assert look.endswith(" --dry-run")
        assert len(preview(context, space_keys=(space_in(look),))["~root"].deletions.held) == held
        assert release.endswith(" --allow-mass-delete")
        assert full(context, space_keys=(space_in(release),), allow_mass_delete=True).counts.removed == held


def test_a_space_left_out_of_the_settings_can_be_inspected_and_released(engine: Engine) -> None:
    """Its key is in no setting any more, and the remedy names it."""
    world = world_with(5, "HR", "PUB")
    with mirrored(world, engine, spaces=("HR", "PUB")) as (site, _):
        context = context_of(site, engine, spaces=("HR",))
        look, release = remedies(full(context), "PUB")

        assert len(preview(context, space_keys=(space_in(look),))["PUB"].deletions.held) == 5
        report = full(context, space_keys=(space_in(release),), allow_mass_delete=True)

        assert (report.exit_code, report.counts.removed) == (0, 5)


def test_the_number_that_is_printed_is_the_number_that_waits(engine: Engine) -> None:
    """Also where a space holds some by itself, and the run holds more of it together with the other spaces."""
    world = world_with(60, "A", "B", "C")
    with mirrored(world, engine) as (_site, context):
        for page in world.pages(space_key="A")[:25]:
            world.hide_page(page.id)
        assert full(context).outcome == "held"
        for key in "ABC":
            for page in world.pages(space_key=key)[30:45]:
                world.hide_page(page.id)

        report = full(context)

        held = dict(ask(engine, "SELECT space_key, held FROM sync_spaces"))
        assert held == {"A": 40, "B": 15, "C": 15}
        for each in report.spaces:
            assert f"removal of {held[each.space_key]} hidden pages of space {each.space_key} " in (each.error or "")
        assert dict(ask(engine, "SELECT space_key, last_error FROM sync_spaces")) == {
            each.space_key: each.error for each in report.spaces
        }
        assert len(live_ids(engine)) == 180 - 70
