"""Which of the visible spaces are mirrored, and the setting that changes it."""

import tomllib

import pytest

from hr_sync.domain.content import Space
from hr_sync.domain.scope import SpaceScope
from hr_sync.domain.visible_spaces import NotMirrored, visible_spaces

HR = Space(id="1", key="HR", name="People", alias="people")
IT = Space(id="2", key="IT", name="Computers")
ANN = Space(id="3", key="~ann", name="Ann")
OLD = Space(id="4", key="OLD", name="Old", archived=True)


@pytest.mark.parametrize(
    ("scope", "reasons"),
    [
        (SpaceScope(spaces=["*"]), {"~ann": NotMirrored.PERSONAL, "OLD": NotMirrored.ARCHIVED}),
        (SpaceScope(spaces=["*"], include_personal_spaces=True), {"OLD": NotMirrored.ARCHIVED}),
        (
            SpaceScope(spaces=["*"], exclude_spaces=["PEOPLE"]),
            {"HR": NotMirrored.EXCLUDED, "~ann": NotMirrored.PERSONAL, "OLD": NotMirrored.ARCHIVED},
        ),
        (
            SpaceScope(spaces=["hr", "OLD"]),
            {"IT": NotMirrored.NOT_NAMED, "~ann": NotMirrored.NOT_NAMED, "OLD": NotMirrored.ARCHIVED},
        ),
    ],
)
def test_each_space_has_the_first_reason_that_fits(scope: SpaceScope, reasons: dict[str, NotMirrored]) -> None:
    """And is mirrored if there is none."""
    found = visible_spaces([ANN, IT, HR], [OLD], scope, {"1": 7})

    assert [each.key for each in found] == ["HR", "IT", "~ann", "OLD"]
    assert {each.key: each.reason for each in found if each.reason is not None} == reasons
    assert all(each.is_mirrored == (each.key not in reasons) for each in found)
    assert [each.pages for each in found] == [7, None, None, None]


@pytest.mark.parametrize("scope", [SpaceScope(spaces=["HR"]), SpaceScope(spaces=["*"], exclude_spaces=["x", "IT"])])
def test_the_remedy_mirrors_the_space_and_keeps_the_others(scope: SpaceScope) -> None:
    """It is what a settings file reads, below [confluence]."""
    before = {each.key for each in visible_spaces([HR, IT, ANN], [], scope, {}) if each.is_mirrored}
    remedies = {each.key: each.remedy for each in visible_spaces([HR, IT, ANN], [], scope, {}) if each.remedy}
    assert remedies

    for key, remedy in remedies.items():
        settings = {"spaces": scope.spaces, "exclude_spaces": scope.exclude_spaces} | tomllib.loads(remedy)
        changed = visible_spaces([HR, IT, ANN], [], SpaceScope(**settings), {})
        assert {each.key for each in changed if each.is_mirrored} == before | {key}
