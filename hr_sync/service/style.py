"""The look of the status page: one style sheet, sent with each page and allowed by its hash."""

import base64
import hashlib

from hr_sync.service.html import Html

STYLE = Html("""
:root { color-scheme: light dark; --ground: #fff; --text: #1c2330; --soft: #5a6475; --line: #d9dee7; --card: #f5f7fa;
  --good: #1a7f37; --warn: #946200; --bad: #c4232f; --bar: #4a78c8; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161d; --text: #e6eaf1; --soft: #9aa5b6; --line: #2e3644;
  --card: #1a202a; --good: #4cc26b; --warn: #e0a93b; --bad: #ff7b81; --bar: #7fa6ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
a { color: inherit; }
a:focus-visible, input:focus-visible, button:focus-visible, .wide:focus-visible { outline: 3px solid var(--bar);
  outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; justify-content: space-between; }
header p { margin: 0; color: var(--soft); }
h1 { font-size: 1.4rem; margin: .25rem 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { border-left: .4rem solid var(--good); background: var(--card); padding: .6rem .9rem; margin: 1rem 0; }
.verdict.red { border-color: var(--bad); }
.verdict p, .verdict ul { margin: .1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
th.number, td.number { text-align: right; }
td.words { min-width: 13rem; overflow-wrap: anywhere; }
time, .nowrap { white-space: nowrap; }
.complete, .green { color: var(--good); }
.partial, .held, .stopped { color: var(--warn); }
.failed, .red strong { color: var(--bad); }
svg { display: block; width: 100%; max-width: 40rem; height: auto; margin: .5rem 0 1rem; }
svg text { fill: var(--soft); font-size: 13px; }
.bar { fill: var(--bar); }
.bar.partial, .bar.held, .bar.stopped { fill: var(--warn); }
.bar.failed { fill: var(--bad); }
td p { margin: 0 0 .4rem; }
code { background: var(--card); border: 1px solid var(--line); border-radius: .25rem; padding: .1rem .35rem;
  overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
input, button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft);
  border-radius: .3rem; padding: .35rem .6rem; max-width: 100%; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
""")

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
