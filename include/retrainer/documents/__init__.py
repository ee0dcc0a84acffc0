"""Documents that people read: what they say is decided elsewhere, here it is put into words, Markdown and HTML."""

from retrainer.documents.report import Chart, Evidence, SampleRow, evaluation_report

__all__ = ["Chart", "Evidence", "SampleRow", "evaluation_report"]
