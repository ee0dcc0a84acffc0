"""Fitted pipelines as ONNX models, which answer like scikit-learn and without it.

`OnnxModel` is all that a server needs. What converts and compares imports scikit-learn and skl2onnx, and is imported
from its own module.
"""

from retrainer.exporting.onnx_model import MISSING_CATEGORY, OnnxModel

__all__ = ["MISSING_CATEGORY", "OnnxModel"]
