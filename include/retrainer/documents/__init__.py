"""Documents that people read: what they say is decided elsewhere, here it is put into words, Markdown and HTML."""

from retrainer.documents.card import model_card
from retrainer.documents.page import document_page
from retrainer.documents.report import Chart, Evidence, SampleRow, evaluation_report
from retrainer.documents.sheet import data_sheet
from retrainer.documents.version import ColumnProfile, MadeBy, VersionFacts

__all__ = [
    "Chart",
    "ColumnProfile",
    "Evidence",
    "MadeBy",
    "SampleRow",
    "VersionFacts",
    "data_sheet",
    "document_page",
    "evaluation_report",
    "model_card",
]
