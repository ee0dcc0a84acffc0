"""Reading YAML: what is read, and every surprise or attack as one problem with its line."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from retrainer.config.document import read_document
from retrainer.config.problem import DeclarationError
from retrainer.config.yaml_text import read_yaml


def _message(path: Path) -> str:
    with pytest.raises(DeclarationError) as raised:
        read_document(path)
    assert len(raised.value.problems) == 1
    return str(raised.value).removeprefix(str(path))


def test_plain_values_are_read_as_json_has_them() -> None:
    text = "{a: 1, b: -2.5, c: 1e-3, d: true, e: null, f: ~, g: 2024-01-31, h: '1', i: [x, {j: ''}], k: 0, l: .5}"

    read = read_yaml(text)

    assert read.problems == []
    assert read.content == {
        "a": 1,
        "b": -2.5,
        "c": 0.001,
        "d": True,
        "e": None,
        "f": None,
        "g": "2024-01-31",
        "h": "1",
        "i": ["x", {"j": ""}],
        "k": 0,
        "l": 0.5,
    }


@pytest.mark.parametrize(
    ("text", "line", "key", "part"),
    [
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "b", "tag !!python/object/apply:os.system"),
        ("a: !!python/name:os.system\n", 1, "a", "tag !!python/name:os.system"),
        ("a: !local 1\n", 1, "a", "tag !local"),
        ("a: !!binary aGk=\n", 1, "a", "tag !!binary"),
        ("a: !!set {b, c}\n", 1, "a", "tag !!set"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "b.c", "given twice, first on line 3"),
        ("1: a\n", 1, "", "key 1 must be text"),
        ("a:\n  on: 1\n", 2, "a", "key on must be text"),
        ("null: a\n", 1, "", "key null must be text"),
        ("? [a, b]\n: 1\n", 1, "", "a key must be text"),
        ("a: &x 1\n*x : 2\n", 2, "", "a key must be text"),
        ("a: {b: 1}\nc:\n  <<: {b: 1}\n", 3, "c", "merge keys"),
        ("a: .nan\n", 1, "a", "finite"),
        ("a: [1, -.inf]\n", 1, "a.1", "finite"),
        ("a: no\n", 1, "a", "no is read as true or false"),
        ("a: 010\n", 1, "a", "base 8 or 60"),
        ("a: 12:30\n", 1, "a", "base 8 or 60"),
        ("a: !!int x\n", 1, "a", "not a value of type int"),
        (f"a: {'9' * 5000}\n", 1, "a", "not a value of type int"),
        ("a: *x\n", 1, "a", "no anchor &x"),
        ("a: &x [*x]\n", 1, "a.0", "no anchor &x"),
        ("a: 1\n---\nb: 1\n", 2, "", "second document"),
        ("a:\n\tb: 1\n", 2, "", "a tab; indent with spaces"),
        ("a: [1, 2\nb: 3\n", 2, "", "that starts on line 1"),
        ("a: 'x\n", 2, "", "quoted scalar"),
        ("a: b: c\n", 1, "", "mapping values are not allowed"),
        ("a: 1\nb: \x00\n", 2, "", "character #x00"),
        ("a: 1\n  b: 2\n", 2, "", "not YAML"),
    ],
)
def test_a_surprise_is_a_problem_with_its_line_and_key(text: str, line: int, key: str, part: str) -> None:
    problems = read_yaml(text).problems

    assert [(found_line, found_key) for found_line, found_key, _ in problems] == [(line, key)]
    assert part in problems[0][2]


def test_every_surprise_of_a_text_is_reported_and_not_only_the_first() -> None:
    assert [line for line, _, _ in read_yaml("a: no\nb: !x 1\na: 2\n3: 4\nc: [.inf]\n").problems] == [1, 2, 3, 4, 5]


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    read = read_yaml("a: &columns [x, y]\nb: {c: *columns}\n")

    assert read.problems == []
    assert read.content == {"a": ["x", "y"], "b": {"c": ["x", "y"]}}


def test_aliases_that_multiply_are_stopped_before_they_cost_time_or_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    started = time.monotonic()

    problems = read_yaml("\n".join(lines)).problems

    assert len(problems) == 1
    assert "more than 100000 values" in problems[0][2]
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{a: "])
def test_deep_nesting_is_a_problem_and_does_not_end_the_process(opening: str) -> None:
    # In a process of its own: libyaml's composer ends it with SIGSEGV.
    program = (
        "import sys; from retrainer.config.yaml_text import read_yaml; print(read_yaml(sys.stdin.read()).problems)"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        input=opening * 100_000,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "nested deeper than 50 levels" in run.stdout


def test_a_file_may_have_a_byte_order_mark_and_other_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")

    assert read_document(path).content == {"a": 1, "b": 2}
    assert read_document(path).line(("b",)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: is empty; it starts with `name: <name of the file>`"),
        (b"# only a comment\n\n", ":1: is empty; it starts with `name: <name of the file>`"),
        (b"---\n", ":1: must be a mapping of keys to values, such as `name: my_model`"),
        (b"- a\n", ":1: must be a mapping of keys to values, such as `name: my_model`"),
        (b"just text\n", ":1: must be a mapping of keys to values, such as `name: my_model`"),
        (b"a: 1\nb: \xff\n", ":2: is not UTF-8 text"),
        ("a: 1\n".encode("utf-16"), ":1: is not UTF-8 text"),
        (b"a: x\n" * 300_000, ":1: is larger than 1 MiB: no declaration is"),
    ],
    ids=["empty", "comment", "null", "list", "text", "latin-1", "utf-16", "large"],
)
def test_a_file_that_is_no_mapping_is_refused_with_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)

    assert _message(path) == message


def test_a_megabyte_of_yaml_is_read_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: |\n" + "  text text text text\n" * 45_000, encoding="utf-8")
    started = time.monotonic()

    assert len(str(read_document(path).content["a"])) == 45_000 * 20
    assert timedelta(seconds=time.monotonic() - started) < timedelta(seconds=5)


def test_what_is_not_a_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "absent.yaml")

    assert _message(tmp_path / "pipe.yaml") == ":1: is not a file"
    assert _message(tmp_path / "link.yaml") == ":1: cannot be read: No such file or directory"
