"""The page of a report. It needs nothing else: a browser that shows it asks no server for anything."""

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, Template

from retrainer.contracts import Measurement
from retrainer.monitoring.evidently_charts import Drawing

if TYPE_CHECKING:
    from retrainer.monitoring.report import Decided

_MOST_NUMBERS = 1000

_VERDICTS = {
    "quiet": "Nothing stands out.",
    "warn": "A warning.",
    "severe": "Severe.",
    "unexplained": "Unexplained: a person is to look at it.",
    "not_known": "Not known: there was too little to judge by.",
}

# Evidently's page is packed (1.4 MB instead of 5) and shown in a frame that may run its script and reach nothing.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval';
 img-src data: blob:; font-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
body { color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.flagged td { background: #fdecea; }
.scroll { overflow-x: auto; max-height: 32rem; overflow-y: auto; }
.quiet { color: #5f5f5f; }
iframe { width: 100%; height: 92vh; border: 1px solid #e2e2e2; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="quiet">{{ version }} · {{ interval.start.strftime("%Y-%m-%d %H:%M") }} to
{{ interval.end.strftime("%Y-%m-%d %H:%M") }} UTC</p>
<p><strong>{{ verdict }}</strong> {{ reason }}</p>
{% if findings %}
<ul>
{% for finding in findings %}<li>{{ finding.severity }}: {{ finding.message }}</li>
{% endfor %}
</ul>
{% endif %}
<h2>The numbers of the decision</h2>
{% if measurements %}
<div class="scroll"><table>
<thead><tr><th>Of</th><th></th><th>Measure</th><th>Value</th><th>Bounds</th><th>Usual</th><th>p</th><th>Rows</th>
<th>Interval</th><th></th></tr></thead>
<tbody>
{% for each in measurements %}
<tr{% if each.flagged %} class="flagged"{% endif %}><td>{{ each.about }}</td><td>{{ each.subject }}</td>
<td>{{ each.measure }}</td><td class="number">{{ each.value | number }}</td>
<td class="number">{% if each.low is not none or each.high is not none %}{{ each.low | number }} to
{{ each.high | number }}{% endif %}</td>
<td class="number">{{ each.expected | number }}</td><td class="number">{{ each.p_value | number }}</td>
<td class="number">{{ each.rows }}</td><td class="number">{{ each.interval.start.strftime("%m-%d %H:%M") }}</td>
<td>{% if each.flagged %}stands out{% endif %}{% if each.flagged and each.note %}: {% endif %}{{ each.note }}</td></tr>
{% endfor %}
</tbody></table></div>
{% if left_off %}<p class="quiet">{{ left_off }} more are in the history.</p>{% endif %}
<p class="quiet">Usual: what the numbers are compared with. For a column that is the 95th percentile of the reference's
own intervals, for performance what the release promised, for the service its declared level.</p>
{% else %}
<p>Nothing could be measured.</p>
{% endif %}
<h2>The rows, as Evidently shows them</h2>
<p>At most {{ rows[0] }} rows that the version learned from, and {{ rows[1] }} of the interval, drawn at random.
<strong>Evidently's own verdicts decide nothing</strong>: its tests know no ordinary change from one interval to the
next, and call it drift. Only the numbers above decide.</p>
{% if problems %}
<p>Not drawn:</p>
<ul>
{% for problem in problems %}<li>{{ problem }}</li>
{% endfor %}
</ul>
{% endif %}
{% if packed %}
<iframe id="evidently" title="Evidently's report" sandbox="allow-scripts"></iframe>
<noscript><p>Evidently's charts need JavaScript.</p></noscript>
<script type="text/plain" id="packed">{{ packed }}</script>
<script>
(async () => {
  const packed = atob(document.getElementById("packed").textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.getElementById("evidently").srcdoc = await new Response(unpacked).text();
})();
</script>
{% endif %}
</body>
</html>
"""


def render(decided: "Decided", measurements: Sequence[Measurement], *, drawing: Drawing, rows: tuple[int, int]) -> str:
    """The page; `rows` are how many of the reference and of the interval were drawn."""
    return _template().render(
        title=f"{decided.model}: {decided.interval.key}",
        version=f"Version {decided.version}" if decided.version is not None else "The baseline rule",
        interval=decided.interval,
        verdict=_VERDICTS.get(decided.verdict, decided.verdict),
        reason=decided.reason,
        findings=decided.findings,
        measurements=measurements[:_MOST_NUMBERS],
        left_off=max(0, len(measurements) - _MOST_NUMBERS),
        rows=rows,
        problems=drawing.problems,
        packed=_packed(drawing.page),
    )


@cache
def _template() -> Template:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.filters["number"] = _number
    return environment.from_string(_PAGE)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _packed(page: str) -> str:
    return base64.b64encode(gzip.compress(page.encode(), mtime=0)).decode() if page else ""
