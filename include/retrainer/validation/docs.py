"""Data Docs of a run: GX's own account of its results and the built-in checks, as one page that needs nothing else."""

import copy
import html
import re
from collections.abc import Sequence
from typing import Any

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaSectionView

from retrainer.contracts import CheckResult
from retrainer.validation.outcome import Outcome

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""No script runs and nothing is loaded, whatever a value in the data looks like."""

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .4rem 0 1rem; width: 100%; }
table table { width: auto; }
th, td { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
h1 { font-size: 1.5rem; } h2 { border-top: 2px solid #8886; font-size: 1.25rem; margin-top: 2rem; padding-top: 1rem; }
h5, h6 { font-size: 1rem; margin: .8rem 0 .2rem; }
.show-scrollbars { max-height: 24rem; overflow: auto; }
.badge { background: #8883; border-radius: .3rem; font-family: ui-monospace, monospace; padding: 0 .3rem; }
.text-danger, .failed { color: #c62828; }
.text-success, .passed { color: #2e7d32; }
.text-warning, .warned { color: #b26a00; }
.fa-check-circle::before { content: "\\2714"; } .fa-times::before { content: "\\2718"; }
.fa-exclamation-triangle::before { content: "\\26A0"; }
code, pre { white-space: pre-wrap; }
"""

_ANCHORS = re.compile(r"</?a\b[^>]*>")
_ELSEWHERE = re.compile(r"<(script|style)\b.*?</\1\s*>|<(link|img|meta|iframe)\b[^>]*>", re.DOTALL | re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n\s*\n+")


def render(outcomes: Outcome | Sequence[Outcome], *, title: str = "Validation") -> str:
    """One self-contained HTML page: for each outcome the verdict, the built-in checks and GX's rendered results.

    Values of the data are escaped; the page has no script and asks for nothing from elsewhere.
    """
    each = [outcomes] if isinstance(outcomes, Outcome) else list(outcomes)
    body = "\n".join(_batch(outcome, index) for index, outcome in enumerate(each))
    name = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{_index(each)}\n{body}\n"
        f"</body>\n</html>\n"
    )


def _index(outcomes: Sequence[Outcome]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(each.table)}</td><td>{html.escape(each.batch)}</td><td>{_verdict(each)}</td>"
        f"<td>{len(each.checks)}</td><td>{len(each.failed)}</td><td>{each.quality:.1%}</td></tr>"
        for each in outcomes
    )
    header = "".join(f"<th>{name}</th>" for name in ("Table", "Batch", "Verdict", "Checks", "Failed", "Quality"))
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"


def _verdict(outcome: Outcome) -> str:
    if not outcome.success:
        return '<strong class="failed">failed</strong>'
    return (
        '<strong class="warned">passed with warnings</strong>'
        if outcome.failed
        else '<strong class="passed">passed</strong>'
    )


def _batch(outcome: Outcome, index: int) -> str:
    built_in = outcome.checks[: len(outcome.checks) - len(outcome.result.results)]
    noted = [check for check in built_in if not check.success or check.severity == "warning"]
    rest = [check for check in built_in if check.success and check.severity != "warning"]
    passed = f"<details><summary>{len(rest)} passed</summary>{_checks(rest)}</details>" if rest else ""
    name = html.escape(f"{outcome.table} / {outcome.batch}")
    return (
        f'<section id="batch-{index}">\n<h2>{name}: {_verdict(outcome)}</h2>\n'
        f"<h5>Built-in checks</h5>\n{_checks(noted)}{passed}\n{_expectations(outcome.result, index)}\n</section>"
    )


def _checks(checks: Sequence[CheckResult]) -> str:
    if not checks:
        return ""
    rows = "".join(
        f'<tr><td class="{"passed" if check.success else "failed"}">{"&#10004;" if check.success else "&#10008;"}</td>'
        f"<td>{html.escape(check.expectation)}</td><td>{check.severity}</td><td>{check.failed_rows}</td>"
        f"<td>{html.escape(check.message)}</td></tr>"
        for check in checks
    )
    header = "".join(f"<th>{name}</th>" for name in ("", "Check", "Severity", "Failed rows", "Finding"))
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"


def _expectations(result: ExpectationSuiteValidationResult, index: int) -> str:
    """GX's sections, without its links (there is no Data Docs site around) and without anything to load."""
    if not result.results:
        return "<p>No expectations are declared.</p>"
    document = ValidationResultsPageRenderer().render(_harmless(result))
    view: Any = DefaultJinjaSectionView()
    sections = [
        view.render({"section": section.to_json_dict(), "section_loop": {"index": f"{index}-{place}"}})
        for place, section in enumerate(document.sections)
    ]
    return _BLANK_LINES.sub("\n", _ANCHORS.sub("", _ELSEWHERE.sub("", "\n".join(sections))))


def _harmless(result: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """A copy with the values of the data escaped: GX's templates put sampled values into the page as they are."""
    return ExpectationSuiteValidationResult(
        suite_name=result.suite_name,
        success=bool(result.success),
        statistics=dict(result.statistics),
        meta=_escaped(result.meta),
        results=[_harmless_result(each) for each in result.results],
    )


def _harmless_result(result: ExpectationValidationResult) -> ExpectationValidationResult:
    details = dict(result.result or {})
    if "unexpected_count" in details and "unexpected_percent" not in details:
        # GX's renderer takes an aggregate expectation with a count for a row-wise one, and fails.
        count, examples = details.pop("unexpected_count"), details.pop("partial_unexpected_list", [])
        details["observed_value"] = f"{count} unexpected: {examples}"
    return ExpectationValidationResult(
        success=result.success,
        expectation_config=copy.deepcopy(result.expectation_config),
        result=_escaped(details),
        exception_info=_escaped(result.exception_info),
    )


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_escaped(each) for each in value)
    return value
