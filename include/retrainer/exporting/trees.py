"""Ensembles of trees as one ONNX operator, TreeEnsemble of ai.onnx.ml 5, which walks them exactly as scikit-learn does.

skl2onnx 1.20 converts them too, but to older operators and not in full:
- it hands HistGradientBoosting's missing-value flags on as booleans, which onnx 1.23 refuses ("Expected an int, got a
  boolean"), so no such model can be converted at all;
- it knows no categorical splits: it takes the threshold of such a node, which means nothing there;
- the older operators compare and add up in single precision: a value next to a threshold goes the wrong way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.base import BaseEstimator

from retrainer.exporting.graph import ML, Graph

_AT_MOST, _MEMBER = 0, 6
"""Modes of a node: the value is at most the threshold; the value is one of a set."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree, one element of each array a node, the root first.

    A row goes from a node to the node at place `yes` where its value in `column` is at most `threshold`, or is one of
    `members` of the node where it has such a set; else to the node at place `no`; where the value is missing, to `yes`
    if `missing_is_yes`. A leaf gives `value`.
    """

    is_leaf: NDArray[np.bool_]
    column: NDArray[np.int64]
    threshold: NDArray[np.float64]
    yes: NDArray[np.int64]
    no: NDArray[np.int64]
    missing_is_yes: NDArray[np.bool_]
    value: NDArray[np.float64]
    members: Mapping[int, Sequence[float]]


def tree_of(tree: Any, values: NDArray[np.float64]) -> Tree:
    """A tree of scikit-learn's `tree`, `ensemble` forests and GradientBoosting; `values` are those of its nodes."""
    return Tree(
        is_leaf=tree.children_left < 0,
        column=tree.feature,
        threshold=tree.threshold,
        yes=tree.children_left,
        no=tree.children_right,
        missing_is_yes=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        value=values,
        members={},
    )


def boosted_trees(estimator: BaseEstimator) -> list[Tree]:
    """The trees of a fitted HistGradientBoosting of one output.

    It puts its categorical columns first and numbers their values. Here the columns are those of its input, and the
    sets hold the values themselves.
    """
    categorical = estimator.is_categorical_
    if categorical is None:
        order, values = np.arange(estimator.n_features_in_), ()
    else:
        order = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
        values = estimator._preprocessor.named_transformers_["encoder"].categories_
    return [_boosted_tree(predictor, order, values) for (predictor,) in estimator._predictors]


def _boosted_tree(predictor: Any, order: NDArray[np.int64], values: Sequence[NDArray[np.float64]]) -> Tree:
    nodes = predictor.nodes
    yes, no = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    missing_is_yes = nodes["missing_go_to_left"].astype(np.bool_)
    is_leaf, members = nodes["is_leaf"].astype(np.bool_), {}
    for place in np.flatnonzero(nodes["is_categorical"].astype(np.bool_) & ~is_leaf):
        node = nodes[place]
        known = values[node["feature_idx"]]
        left = _in_bitset(predictor.raw_left_cat_bitsets[node["bitset_idx"]], len(known)) & ~np.isnan(known)
        if missing_is_yes[place]:  # a value that was never seen counts as missing, so the set has to be the other side
            left = ~left & ~np.isnan(known)
            yes[place], no[place], missing_is_yes[place] = no[place], yes[place], False
        members[int(place)] = known[left].tolist()
    return Tree(
        is_leaf=is_leaf,
        column=order[nodes["feature_idx"]],
        threshold=nodes["num_threshold"],
        yes=yes,
        no=no,
        missing_is_yes=missing_is_yes,
        value=nodes["value"],
        members=members,
    )


def _in_bitset(words: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    """Which of the numbers below `count` are in a set of eight words of 32 bits."""
    return np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")[:count].astype(np.bool_)


def add_trees(graph: Graph, matrix: str, trees: Sequence[Tree]) -> str:
    """The sum of what the trees say of each row of `matrix` (double), [rows, 1]."""
    grown = [_with_a_split(tree) for tree in trees]
    splits = np.cumsum([0] + [int((~tree.is_leaf).sum()) for tree in grown])
    leaves = np.cumsum([0] + [int(tree.is_leaf.sum()) for tree in grown])
    starts = zip(grown, splits[:-1].tolist(), leaves[:-1].tolist(), strict=True)
    children = [_children(tree, split, leaf) for tree, split, leaf in starts]
    yes, yes_is_leaf, no, no_is_leaf = (np.concatenate(part).tolist() for part in zip(*children, strict=True))
    modes = np.concatenate([_modes(tree) for tree in grown])
    attributes: dict[str, object] = {
        "n_targets": 1,
        "tree_roots": splits[:-1].tolist(),
        "nodes_modes": _tensor(modes),
        "nodes_featureids": _of_splits(grown, "column").tolist(),
        "nodes_splits": _tensor(_of_splits(grown, "threshold")),
        "nodes_missing_value_tracks_true": _of_splits(grown, "missing_is_yes").astype(int).tolist(),
        "nodes_truenodeids": yes,
        "nodes_trueleafs": yes_is_leaf,
        "nodes_falsenodeids": no,
        "nodes_falseleafs": no_is_leaf,
        "leaf_weights": _tensor(np.concatenate([tree.value[tree.is_leaf] for tree in grown])),
        "leaf_targetids": [0] * int(leaves[-1]),
    }
    sets = [tree.members[place] for tree in grown for place in sorted(tree.members)]
    if sets:  # each ends with NaN
        attributes["membership_values"] = _tensor(np.concatenate([[*values, np.nan] for values in sets]))
    return graph.node("TreeEnsemble", [matrix], domain=ML, **attributes)


def _with_a_split(tree: Tree) -> Tree:
    """The tree, below a split of which both ways lead to it where it is a single leaf: a root cannot be one."""
    if not tree.is_leaf[0]:
        return tree
    return Tree(
        is_leaf=np.array([False, True]),
        column=np.zeros(2, dtype=np.int64),
        threshold=np.zeros(2),
        yes=np.array([1, -1]),
        no=np.array([1, -1]),
        missing_is_yes=np.zeros(2, dtype=np.bool_),
        value=np.array([0.0, tree.value[0]]),
        members={},
    )


def _children(tree: Tree, splits: int, leaves: int) -> tuple[NDArray[Any], ...]:
    """Of each split, its children's places among all splits or leaves, and whether they are leaves: yes, then no."""
    place = np.where(tree.is_leaf, leaves - 1 + np.cumsum(tree.is_leaf), splits - 1 + np.cumsum(~tree.is_leaf))
    yes, no = tree.yes[~tree.is_leaf], tree.no[~tree.is_leaf]
    return place[yes], tree.is_leaf[yes].astype(int), place[no], tree.is_leaf[no].astype(int)


def _modes(tree: Tree) -> NDArray[np.uint8]:
    modes = np.full(len(tree.is_leaf), _AT_MOST, dtype=np.uint8)
    modes[list(tree.members)] = _MEMBER
    return modes[~tree.is_leaf]


def _of_splits(trees: Sequence[Tree], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(tree, name)[~tree.is_leaf] for tree in trees])


def _tensor(values: NDArray[Any]) -> Any:
    return numpy_helper.from_array(np.ascontiguousarray(values))
