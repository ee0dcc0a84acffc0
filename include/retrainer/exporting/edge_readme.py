"""The page in an exported folder: what it is, and a dozen lines that run it."""

from string import Template

from retrainer.saved import ModelFacts

_PAGE = Template("""# $model, version $version

A model that answers with Python, NumPy and ONNX Runtime (1.20 or newer) alone. In this folder:

    pip install numpy onnxruntime

```python
import json, sys, numpy as np, onnxruntime
sys.path.insert(0, "code")
from $module import row_features
spec, example = json.load(open("spec.json")), json.load(open("example.json"))
kinds = {"string": "O", "timestamp": "datetime64[us]", "double": "float64"}
columns = {each["name"]: np.array([example["record"][each["name"]]], kinds[each["type"]]) for each in spec["record"]}
columns |= row_features(columns)
for texts in (each for each in columns.values() if each.dtype == object):
    texts[np.equal(texts, None)] = spec["missing"]
given = {each["name"]: columns[each["name"]].reshape(-1, 1) for each in spec["inputs"]}
print(onnxruntime.InferenceSession("model.onnx").run(None, given)[0])
```

It prints the `output` of `example.json`, the $output.

- `model.onnx`: from the features to the answer. Its inputs, in order and with their types, are `inputs` of `spec.json`;
  each is a column, so many rows go in at once. A row with an infinite number gives NaN: it has no answer.
- `code`: `row_features`, which makes the features that follow from one record alone. It takes and gives columns.
- `spec.json`: `record` are the columns of a record. A missing number is NaN, a missing timestamp NaT, a missing text
  None for `row_features` and `missing` for the model. Timestamps are in UTC. `digest` is that of the registered files.
- `example.json`: a record that the model learned from, and what scikit-learn said of it.
""")


def readme(facts: ModelFacts, version: int, *, output: str) -> str:
    """The page, as Markdown."""
    return _PAGE.substitute(model=facts.model, version=version, module=facts.feature_module, output=output)
