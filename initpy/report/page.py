"""Write a boot as one HTML file for a bug report: the picture, and all events below it.

It loads no other file, and its policy forbids that. It contains the journal as data, from which
`initpy timeline` and `initpy replay` read it again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from initpy.report.journal import line
from initpy.report.markup import clean, element
from initpy.report.svg import svg
from initpy.report.tracks import picture

JOURNAL = '<script type="application/json" id="journal">'
END = "</script>"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
STYLE = """
 :root { color-scheme: light dark; }
 body { font: 14px system-ui, sans-serif; margin: 1rem auto; max-width: 1240px; padding: 0 1rem; }
 svg { width: 100%; height: auto; border: 1px solid #8884; border-radius: 6px; }
 svg .bar { cursor: pointer; } svg #cursor { stroke: #d1495b; visibility: hidden; }
 form { position: sticky; top: 0; padding: .6rem 0; background: Canvas; display: flex; gap: 1rem;
  flex-wrap: wrap; align-items: center; }
 input[type=search] { font: inherit; padding: .2rem .5rem; min-width: 22rem; }
 table { border-collapse: collapse; width: 100%; }
 td { padding: .15rem .6rem; vertical-align: top; border-top: 1px solid #8882; }
 td:first-child { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
 td:nth-child(2) { color: GrayText; white-space: nowrap; }
 tr.event td:last-child { font-weight: 500; } tr:hover { background: #8882; }
 tr.near { background: #e0a10033; } pre { white-space: pre-wrap; word-break: break-word; }
 tbody tr { cursor: pointer; }
"""
SCRIPT = """
 const journal = JSON.parse(document.getElementById('journal').textContent);
 const rows = [...document.querySelectorAll('tbody tr')];
 const words = document.getElementById('words'), kinds = document.getElementById('kinds');
 const plot = document.querySelector('svg'), count = document.getElementById('count');
 const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
 cursor.id = 'cursor'; cursor.setAttribute('y1', 66);
 cursor.setAttribute('y2', plot.getAttribute('viewBox').split(' ')[3] - 34); plot.append(cursor);
 function filter() {
   const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
   const kind = kinds.value; let shown = 0;
   for (const row of rows) {
     const text = row.textContent.toLowerCase();
     row.hidden = !(wanted.every(each => text.includes(each)) &&
                    (!kind || row.classList.contains(kind)));
     shown += !row.hidden;
   }
   count.textContent = shown + ' of ' + rows.length;
 }
 words.addEventListener('input', filter); kinds.addEventListener('input', filter);
 document.querySelector('tbody').addEventListener('mouseover', event => {
   const row = event.target.closest('tr[data-t]'); if (!row) return;
   const x = +plot.dataset.left + row.dataset.t * plot.dataset.scale;
   cursor.setAttribute('x1', x); cursor.setAttribute('x2', x);
   cursor.style.visibility = 'visible';
 });
 document.querySelector('tbody').addEventListener('click', event => {
   const row = event.target.closest('tr[data-t]'); if (!row || event.target.closest('pre')) return;
   const old = row.querySelector('pre'); if (old) { old.remove(); return; }
   const box = document.createElement('pre');
   box.textContent = JSON.stringify(journal[row.dataset.n], null, 1);
   row.lastElementChild.append(box);
 });
 plot.addEventListener('click', event => {
   const bar = event.target.closest('.bar'); if (!bar) return;
   const name = bar.dataset.track.replace(/^(prompt for|timer of) /, '');
   const known = rows.some(row => row.textContent.includes(name));
   words.value = known ? name : ''; kinds.value = ''; filter();
   const near = rows.filter(row => !row.hidden).reduce((best, row) =>
     !best || Math.abs(row.dataset.t - bar.dataset.t) < Math.abs(best.dataset.t - bar.dataset.t)
       ? row : best, null);
   rows.forEach(row => row.classList.toggle('near', row === near));
   if (near) near.scrollIntoView({block: 'center'});
 });
 filter();
"""
# Groups of lines for the filter; other kinds are decisions.
EVENTS = (
    "BootStarted", "DeviceChanged", "Enumerated", "DeviceRemoved", "JobEnded", "Mounted",
    "Answered", "Fetched", "HandOverRefused", "ShellEnded", "KeyPressed", "RetryAsked", "WaitAsked",
    "KeyGiven",
    "EngineStarted",
)  # fmt: skip
USER = ("Ask", "Answered", "Withdraw", "GiveWay", "Report", "ShowFailure", "OpenShell",
          "ShellEnded", "RetryAsked", "WaitAsked", "KeyGiven", "Reply")  # fmt: skip
CHOICES = {"": "everything", "event": "what happened", "decision": "what was decided",
           "user": "what the user saw and did", "Run": "commands", "Clock": "clocks"}  # fmt: skip


def page(
    journal: Sequence[Mapping[str, Any]],
    title: str,
    subtitle: str = "",
    acts: Sequence[tuple[float, str]] = (),
) -> str:
    """Return the text of the file; text of the journal is escaped. `acts`: see `picture`."""
    drawn = svg(picture(journal, acts), title, subtitle)
    started = _started(journal)
    rows = [_row(number, record, started) for number, record in enumerate(journal)]
    options = "".join(
        f'<option value="{value}">{words}</option>' for value, words in CHOICES.items()
    )
    # A "<" in a text must not end the element.
    data = json.dumps(list(journal)).replace("<", "\\u003c")
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"{element('title', title)}\n<style>{STYLE}</style>\n</head>\n<body>",
            drawn,
            '<form onsubmit="return false">'
            '<input type="search" id="words" placeholder="filter: words, devices, jobs">',
            f'<select id="kinds">{options}</select> <output id="count"></output></form>',
            "<table><tbody>",
            *filter(None, rows),
            "</tbody></table>",
            f"{JOURNAL}{data}{END}",
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def journal_in(text: str) -> str | None:
    """Return the journal in such a page as JSON, None if there is none."""
    _, found, rest = text.partition(JOURNAL)
    return rest.partition(END)[0] if found else None


def _started(journal: Sequence[Mapping[str, Any]]) -> float:
    first = journal[0] if journal else {"t": 0.0}
    return float(first.get("init_started", first["t"]))


def _row(number: int, record: Mapping[str, Any], started: float) -> str:
    """Return a row of the table; nothing for a record without news."""
    shown = line(record, started)
    if shown is None:
        return ""
    stamp, _, words = shown.strip().partition("  ")
    kind = str(record["kind"])
    classes = [
        "event" if kind in EVENTS else "decision",
        "user" if kind in USER else "",
        kind if kind.isalnum() else "",
    ]
    return (
        f'<tr class="{clean(" ".join(filter(None, classes)))}" data-n="{number}" '
        f'data-t="{float(record["t"]) - started:.6f}"><td>{clean(stamp)}</td>'
        f"<td>{clean(kind)}</td><td>{clean(words)}</td></tr>"
    )
