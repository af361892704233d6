"""Loads the pages of the service in Chromium, light and dark, narrow and wide, and checks them with axe.

Fails for a finding of axe, for anything that lies outside of the window, for text that is cut off, and for a message in
the browser's console.
"""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
WIDTHS = (390, 1280)
HEIGHT = 844
SCHEMES = ("light", "dark")
#: What has its own scroll bar may be wider than the window; it can be reached by the keyboard.
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const whole = document.documentElement.scrollWidth;
  if (whole > width) found.push(`the page is ${whole} px`);
  for (const each of document.querySelectorAll("body *")) {
    const box = each.getBoundingClientRect();
    if (box.width && !each.closest(".wide") && (box.right > width + 1 || box.left < -1))
      found.push(`${each.tagName} from ${Math.round(box.left)} to ${Math.round(box.right)}`);
    if (getComputedStyle(each).overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1)
      found.push(`${each.tagName} is cut off`);
  }
  return found;
}"""


@contextmanager
def served() -> Iterator[list[tuple[str, str]]]:
    """Yield names and addresses of the samples."""
    process = subprocess.Popen(
        [ROOT / ".venv/bin/python", "-m", "scripts.accessibility.samples"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = itertools.takewhile(str.strip, process.stdout or ())
        lines = [line.rstrip().split("\t") for line in said]
        yield [(line[0], line[1]) for line in lines if len(line) == 2]  # the others are of the log
    finally:
        process.communicate()


def findings(browser: Browser, address: str, width: int, scheme: str) -> list[str]:
    """Return what is wrong with a page at a width, in a colour scheme."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,  # axe is a script, and the pages allow none
    )
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        answer = page.goto(address)
        if answer is None or not answer.ok:
            said.clear()  # the browser reports the status of the page itself
        outside = [f"outside of the window: {each}" for each in page.evaluate(OUTSIDE)]
        result = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
        axe = [
            f"axe {each['id']}: {each['help']}: {'; '.join(node['html'][:120] for node in each['nodes'][:3])}"
            for each in result.response["violations"]
        ]
        if not result.response["passes"]:
            axe.append("axe has checked nothing")
    finally:
        context.close()
    return [*said, *outside, *axe]


def main() -> int:
    """Print each finding and return the exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("check-accessibility: there is no chromium here. Type: apt-get install chromium", file=sys.stderr)
        return 78
    checked, wrong = 0, 0
    with served() as samples, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, address in samples:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    checked += 1
                    for finding in findings(browser, address, width, scheme):
                        wrong += 1
                        print(f"{name} {address} at {width} px, {scheme}: {finding}")
        browser.close()
    print(f"{checked} views checked by axe in Chromium, {wrong} findings.")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
