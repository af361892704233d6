"""Storage-format bodies made from a number: the same number and length give the same text, fast enough to hold none.

The text is plausible handbook prose with what real bodies hold: undeclared `ac:` and `ri:` names, HTML entities that
are no XML entities, CDATA, tables, task lists, mentions and letters beyond ASCII.
"""

import random

SUBJECTS = ("The line manager", "People Operations", "Each employee", "The works council", "Payroll", "A new joiner")
VERBS = ("confirms", "records", "reviews", "must request", "may postpone", "forwards", "approves")
OBJECTS = (
    "annual leave",
    "the parental leave plan",
    "a travel claim",
    "the notice period",
    "remote work abroad",
    "the onboarding checklist",
    "sick pay",
    "a grade change",
    "r&eacute;sum&eacute; data",
)
TIMES = ("within five working days", "before the end of the month", "in writing", "once a year", "after probation")


def _sentence(chance: random.Random) -> str:
    words = [chance.choice(part) for part in (SUBJECTS, VERBS, OBJECTS, TIMES)]
    return f"{' '.join(words)}."


def _paragraph(chance: random.Random) -> str:
    return "<p>" + "&nbsp;&mdash; ".join(_sentence(chance) for _ in range(chance.randint(2, 7))) + "</p>"


def _list(chance: random.Random) -> str:
    return "<ul>" + "".join(f"<li><p>{_sentence(chance)}</p></li>" for _ in range(chance.randint(2, 6))) + "</ul>"


def _table(chance: random.Random) -> str:
    rows = "".join(
        f"<tr><td><p>{chance.randint(1, 30)}&nbsp;days</p></td><td><p>{_sentence(chance)}</p></td></tr>"
        for _ in range(chance.randint(2, 6))
    )
    return f"<table><tbody><tr><th><p>Entitlement</p></th><th><p>Rule</p></th></tr>{rows}</tbody></table>"


def _panel(chance: random.Random) -> str:
    name = chance.choice(("info", "note", "warning", "tip"))
    return (
        f'<ac:structured-macro ac:name="{name}" ac:schema-version="1"><ac:rich-text-body>'
        f'<p>{_sentence(chance)} &rarr; see <ac:link><ri:page ri:content-title="Leave" /></ac:link></p>'
        "</ac:rich-text-body></ac:structured-macro>"
    )


def _code(chance: random.Random) -> str:
    return (
        '<ac:structured-macro ac:name="code" ac:schema-version="1"><ac:plain-text-body>'
        f"<![CDATA[if days < {chance.randint(5, 30)} && approved: # {_sentence(chance)}\n]]>"
        "</ac:plain-text-body></ac:structured-macro>"
    )


def _tasks(chance: random.Random) -> str:
    return (
        f"<ac:task-list><ac:task><ac:task-id>{chance.randint(1, 99)}</ac:task-id>"
        f"<ac:task-status>incomplete</ac:task-status><ac:task-body>{_sentence(chance)} "
        '<ac:link><ri:user ri:account-id="712020:00000000-0000-4000-8000-000000000001" /></ac:link>'
        "</ac:task-body></ac:task></ac:task-list>"
    )


def _fragments() -> tuple[str, ...]:
    chance = random.Random(7)  # noqa: S311 - repeatable text, no secrets
    makers = (_paragraph,) * 12 + (_list,) * 4 + (_table,) * 3 + (_panel,) * 3 + (_code, _tasks)
    return tuple(maker(chance) for maker in makers for _ in range(8))


def _sections(fragments: tuple[str, ...]) -> tuple[str, ...]:
    """Several fragments under a heading: long bodies are made of these, so that making them costs little."""
    chance = random.Random(11)  # noqa: S311 - repeatable text, no secrets
    return tuple(f"<h2>Rule {number}</h2>{''.join(chance.sample(fragments, 5))}" for number in range(200))


FRAGMENTS = _fragments()
SECTIONS = _sections(FRAGMENTS)
BEYOND_ASCII = (
    "<p>有給休暇は翌年に繰り越せます。</p>",
    "<p>Überstunden verfallen nach zwölf Monaten. ✅</p>",
    "<p>연차 휴가 안내 🗓️</p>",
)
"""One of eight bodies holds one of these, as the mostly English handbook of an international company does."""
LONGEST_SECTION = max(map(len, SECTIONS))
SHORTEST_FILLER = 40


def generated_storage(number: int, length: int) -> str:
    """Return a body of about `length` bytes that no other `number` shares."""
    chance = random.Random(number)  # noqa: S311 - repeatable text, no secrets
    parts = [f"<h1>Policy&nbsp;{number}</h1>"]
    if number % 8 == 0:
        parts.append(BEYOND_ASCII[number // 8 % len(BEYOND_ASCII)])
    missing = length - len(parts[0])
    while missing > SHORTEST_FILLER:
        choices = SECTIONS if missing > LONGEST_SECTION else FRAGMENTS
        part = choices[int(chance.random() * len(choices))]
        if len(part) > missing:
            part = f"<p>{'leave ' * ((missing - 7) // 6)}</p>"
        parts.append(part)
        missing -= len(part)
    return "".join(parts)
