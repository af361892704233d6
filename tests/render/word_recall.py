# ruff: noqa: T201 - it prints a report
"""How many words of storage bodies appear in their Markdown, and to which class each lost word belongs."""

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

from tests.render.reading import bodies, output_words, render, words

NEEDED = 0.99


def main() -> int:
    """Print the figures; return 1 when a word is lost that belongs to no class, or when too many are."""
    parser = argparse.ArgumentParser(prog="word-recall", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="where *.xml, *.html and *.xhtml bodies are")
    arguments = parser.parse_args()
    total, readable, unexplained = 0, 0, 0
    lost: dict[str, Counter[str]] = defaultdict(Counter)
    for folder in arguments.folder:
        for name, storage in bodies(folder):
            left = output_words(render(storage).markdown)
            for kind, expected in sorted(words(storage).items()):
                missing = expected - left
                left = left - expected
                total += expected.total()
                readable += 0 if kind else expected.total()
                lost[kind or "NOT EXPLAINED"] += missing
                if missing and not kind:
                    unexplained += missing.total()
                    print(f"{name}: lost without a class: {', '.join(sorted(missing))}")
    for kind, missing in sorted(lost.items()):
        if missing:
            print(f"{missing.total():6} {kind}: {', '.join(word for word, _ in missing.most_common(12))}")
    if not readable:
        print(f"word-recall: no body below {', '.join(map(str, arguments.folder))}", file=sys.stderr)
        return 2
    recall = 1 - unexplained / readable
    all_lost = sum(missing.total() for missing in lost.values())
    print(f"word recall {recall:.4f} of {readable} readable words; {1 - all_lost / total:.4f} of all {total} words")
    return 0 if recall >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main())
