"""An ONNX graph in the making, in double precision throughout, because scikit-learn computes so."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
ML_OPSET = 5
"""The first that has a TreeEnsemble in double precision. ONNX Runtime knows both opsets from 1.20 on."""

ML = "ai.onnx.ml"
_IR_VERSION = 10
_TYPES = {"string": TensorProto.STRING, "double": TensorProto.DOUBLE}
_OUTPUT = "output"


class NotConvertibleError(Exception):
    """A pipeline holds something that has no equal in ONNX; the message says what."""


class Graph:
    """Nodes, constants and inputs. Names follow from the order of the calls: the same calls give the same bytes.

    Names of tensors that a caller did not choose begin with `/`, as no column's name does.
    """

    def __init__(self) -> None:
        self._inputs: list[onnx.ValueInfoProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._refused: list[str] = []

    def input(self, name: str, kind: Literal["string", "double"]) -> str:
        """An input of one column, [rows, 1]."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[kind], [None, 1]))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """A tensor that is part of the model."""
        name = f"/constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        """A node with one output; the output's name."""
        name = f"/{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, domain=domain, **attributes))
        return name

    def embed(self, model: onnx.ModelProto, *, given: str) -> str:
        """The nodes of `model`, whose one input is the tensor `given`; the name of its last output.

        Its tensors and nodes get names of this graph's own kind: theirs could be those of columns.
        """
        prefix = f"/embedded_{len(self._nodes)}"
        names = {"": "", model.graph.input[0].name: given}
        for constant in model.graph.initializer:
            constant.name = names.setdefault(constant.name, f"{prefix}_{len(names)}")
        for place, node in enumerate(model.graph.node):
            node.name = f"{prefix}_{node.op_type}_{place}"
            node.input[:] = [names[name] for name in node.input]
            node.output[:] = [names.setdefault(name, f"{prefix}_{len(names)}") for name in node.output]
        self._constants.extend(model.graph.initializer)
        self._nodes.extend(model.graph.node)
        return names[model.graph.output[-1].name]

    def refuse_where(self, condition: str) -> None:
        """Rows for which `condition` (booleans, [rows, columns]) is true anywhere give NaN, which is no answer."""
        self._refused.append(condition)

    def finish(self, output: str) -> onnx.ModelProto:
        """The model, whose one output has a number (double) a row; `output` is [rows, 1].

        Raises:
            NotConvertibleError: the graph is not valid.
        """
        for condition in self._refused:
            as_number = self.node("Cast", [condition], to=TensorProto.DOUBLE)
            count = self.node("ReduceSum", [as_number, self.constant(np.array([1]))], keepdims=1)
            refused = self.node("Greater", [count, self.constant(np.array(0.0))])
            output = self.node("Where", [refused, self.constant(np.array(np.nan)), output])
        flat = helper.make_node("Reshape", [output, self.constant(np.array([-1]))], [_OUTPUT], "/output")
        result = helper.make_tensor_value_info(_OUTPUT, TensorProto.DOUBLE, [None])
        graph = helper.make_graph([*self._nodes, flat], "retrainer", self._inputs, [result], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="retrainer")
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise NotConvertibleError(f"the ONNX graph is not valid: {error}") from error
        return model
