"""The digest is of the content of rows, and of nothing else."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest

from retrainer.contracts.columns import INTERVAL
from retrainer.snapshots.digest import PartitionDigests
from tests.unit.snapshots.tables import KEYS, SCHEMA, batch

ROWS = [(number, f"n{number % 7}", number / 3, KEYS[number // 40]) for number in range(80)]


def digest(batches, schema=SCHEMA):
    digests = PartitionDigests(schema)
    for each in batches:
        digests.update(each)
    return digests.result()


def test_chunks_do_not_matter():
    whole = batch(ROWS)
    dice = random.Random(1)
    for _ in range(20):
        cuts = sorted({0, 80, *dice.sample(range(1, 80), 5)})
        parts = [whole.slice(start, end - start) for start, end in itertools.pairwise(cuts)]
        assert digest(parts) == digest([whole])


@pytest.mark.parametrize(
    "other",
    [(5, "n5", 1.75, KEYS[0]), (5, None, 5 / 3, KEYS[0]), (5, "n5", None, KEYS[0]), (None, "n5", 5 / 3, KEYS[0])],
)
def test_one_other_value_changes_the_digest_of_its_partition_only(other):
    changed = [*ROWS[:5], other, *ROWS[6:]]
    before, after = digest([batch(ROWS)]), digest([batch(changed)])
    assert before[KEYS[0]] != after[KEYS[0]]
    assert before[KEYS[1]] == after[KEYS[1]]


def test_the_key_of_the_partition_does_not_count_in_its_own_digest():
    moved = [(*row[:3], KEYS[3]) for row in ROWS[:40]]
    assert digest([batch(moved)])[KEYS[3]] == digest([batch(ROWS)])[KEYS[0]]


def test_texts_that_only_differ_in_where_one_ends_differ():
    def pair(first, second):
        return digest([batch([(1, first, 0.0, KEYS[0]), (2, second, 0.0, KEYS[0])])])

    assert pair("ab", "c") != pair("a", "bc")
    assert pair("", "x") != pair(None, "x")


def test_what_lies_under_a_null_does_not_count():
    hidden = pa.array(np.array([7, 2]), mask=np.array([True, False]))
    plain = pa.array([None, 2], pa.int64())
    assert hidden.buffers()[1].to_pybytes()[:8] != plain.buffers()[1].to_pybytes()[:8]
    schema = pa.schema([("id", pa.int64()), (INTERVAL, pa.string())])
    keys = pa.array([KEYS[0]] * 2)
    batches = [pa.RecordBatch.from_arrays([ids, keys], schema=schema) for ids in (hidden, plain)]
    assert digest(batches[:1], schema) == digest(batches[1:], schema)


def test_every_nan_is_the_same_and_so_are_both_zeros():
    odd_nan = np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\x7f", dtype="<f8")[0]
    one = [(1, "a", float("nan"), KEYS[0]), (2, "a", 0.0, KEYS[0])]
    other = [(1, "a", odd_nan, KEYS[0]), (2, "a", -0.0, KEYS[0])]
    assert digest([batch(one)]) == digest([batch(other)])


def test_the_order_and_width_of_columns_do_not_count_and_names_and_types_do():
    table = pa.table(batch(ROWS))
    turned = table.select([INTERVAL, "size", "id", "name"])
    renamed = table.rename_columns(["ident", "name", "size", INTERVAL])
    assert digest(turned.to_batches(), turned.schema) == digest([batch(ROWS)])
    assert digest(renamed.to_batches(), renamed.schema) != digest([batch(ROWS)])
    large = table.cast(pa.schema([*SCHEMA.remove(1).insert(1, pa.field("name", pa.large_string()))]))
    assert digest(large.to_batches(), large.schema) == digest([batch(ROWS)])


def test_the_digest_is_the_same_on_every_machine_and_in_every_release():
    found = digest([batch([(1, "a", 0.5, KEYS[0]), (2, None, None, KEYS[0])])])
    assert found == {KEYS[0]: "3f9a6ddf40188800a873ee5f22282de3b81b0b0827efc4ed039deaab2dd3ce2c"}
