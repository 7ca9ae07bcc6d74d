"""A corpus of hostile mask datasets: what a stranger could publish, made the same way each time.

Each is a small change to a sound dataset: `attacks()` names them, `made` builds one.
"""

import itertools
import os
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import records
from early_format import as_first_format

from xsns_hf.dataset import schema, sealing
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.gold import Gold
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.native.own_files import sha256_of
from xsns_hf.recipe import Recipe

LANGUAGES = ["deu", "fin", "rus", "swe"]
LAYOUT = ParameterLayout.of(
    [(f"encoder.layer.{layer}.{part}.weight", (24, 16)) for layer in range(4) for part in ("attention", "output.dense")]
)
RECIPES = [Recipe("tiny", "r1", "tied", "text", examples=40, density=density) for density in (0.15, 0.3)]
INDEX, SIMILARITY, SCORES, TENSORS = "index.parquet", "similarity.parquet", "scores.parquet", "layout.parquet"
TABLES = {INDEX: schema.INDEX, SIMILARITY: schema.SIMILARITY, SCORES: schema.SCORES, TENSORS: schema.LAYOUT}
MASKS = f"masks/{RECIPES[0].name}/swe.parquet"

Attack = Callable[[Path], object]


def sound(folder: Path) -> Path:
    """Make the dataset that the others are made of: two recipes, four languages, two seeds, scores."""
    repository = MaskRepository(folder, create=True)
    base = np.random.default_rng(0).random(LAYOUT.size)
    added = []
    for recipe, (number, language) in itertools.product(RECIPES, enumerate(LANGUAGES, 1)):
        values = [base + 0.3 * number * np.random.default_rng([number, seed]).random(LAYOUT.size) for seed in (0, 1)]
        masks = {seed: select(each.astype(np.float32), LAYOUT, recipe.density) for seed, each in enumerate(values)}
        added += records(recipe, language, masks, created=datetime(2026, 1, 1, tzinfo=UTC), versions="numpy=2")
    repository.add(added)
    pairs = [
        (one, other, 50.0 + 3 * number) for number, (one, other) in enumerate(itertools.permutations(LANGUAGES, 2))
    ]
    rows = pd.DataFrame(pairs, columns=["source", "target", "score"]).assign(seed=0)
    repository.add_scores(Gold("pos", rows, [], "accuracy"), "pos", origin="someone", model="m")
    as_first_format(folder)  # in which nothing is bound, so that every attack gets as far as it can
    return folder


def rewrite(folder: Path, name: str, change: Callable[[pa.Table], pa.Table], **how) -> None:
    path = folder / name
    table = change(pq.read_table(path))
    pq.write_table(table, path, **{"compression": "zstd"} | how)


def column(name: str, of: str, values: Callable[[list], list], kind: pa.DataType | None = None) -> Attack:
    """Put other values into a column."""

    def change(table: pa.Table) -> pa.Table:
        if of not in table.column_names:
            table = table.append_column(of, pa.nulls(len(table), pa.string()))
        at = table.column_names.index(of)
        type_of = kind or table.schema.field(at).type
        return table.set_column(at, pa.field(of, type_of), pa.array(values(table[of].to_pylist()), type_of))

    return lambda folder: rewrite(folder, name, change)


def first(value) -> Callable[[list], list]:
    return lambda values: [value, *values[1:]]


def every(value) -> Callable[[list], list]:
    return lambda values: [value] * len(values)


TEXTS = {
    "html": "<img src=x onerror=alert(1)>",
    "ansi": "\x1b[31mred\x1b[0m\x07\r\n",
    "bidi": "fin\u202egnp\u200b",
    "path": "../../../../tmp/x",
    "long": "x" * 200_000,
    "empty": "",
    "null": None,
    "markup": "[bold]{{ 7 * 7 }}[link=http://x]`rm -rf`|",
    "option": "--out=/tmp/x; rm",
}


def texts() -> Iterator[tuple[str, Attack]]:
    for name in (INDEX, SIMILARITY, SCORES, TENSORS):
        for field, (label, text) in itertools.product(TABLES[name], TEXTS.items()):
            if pa.types.is_string(field.type):
                yield f"{name}-{field.name}-{label}-first", column(name, field.name, first(text))
                if label in ("html", "ansi", "null"):
                    yield f"{name}-{field.name}-{label}-every", column(name, field.name, every(text))


def numbers() -> Iterator[tuple[str, Attack]]:
    strange = {"nan": float("nan"), "infinite": float("inf"), "below": -1.0, "null": None, "huge": 1e300}
    whole = {"below": -1, "least": -(2**63), "most": 2**63 - 1, "null": None, "zero": 0}
    for name in (INDEX, SIMILARITY, SCORES, TENSORS):
        for field in TABLES[name]:
            values = strange if pa.types.is_floating(field.type) else whole if pa.types.is_integer(field.type) else {}
            for label, value in values.items():
                yield f"{name}-{field.name}-{label}", column(name, field.name, first(value))
    for label, time in {"old": datetime(1, 1, 1, tzinfo=UTC), "null": None}.items():
        yield f"created-{label}", column(INDEX, "created", every(time))
    yield "created-far", column(INDEX, "created", lambda rows: [2**62] * len(rows), pa.timestamp("ms", tz="UTC"))


def types() -> Iterator[tuple[str, Attack]]:
    others = {
        "texts": (["a"], pa.string()),
        "lists": ([["a"]], pa.list_(pa.string())),
        "structs": ([{"a": {"b": 1}}], pa.struct({"a": pa.struct({"b": pa.int64()})})),
        "nulls": ([None], pa.null()),
        "bytes": ([b"\xff\xfe"], pa.binary()),
        "booleans": ([True], pa.bool_()),
    }
    for name, of in [
        *((INDEX, each) for each in ("seed", "language")),
        *((SIMILARITY, each) for each in ("jaccard", "source")),
        *((SCORES, each) for each in ("score", "task")),
        *((TENSORS, each) for each in ("shape", "rows", "tensor")),
        *((MASKS, each) for each in ("mask", "seed", "tensor")),
    ]:
        for label, ([value], kind) in others.items():
            yield f"{name}-{of}-of-{label}", column(name, of, every(value), kind)


def columns() -> Iterator[tuple[str, Attack]]:
    for name in (INDEX, SIMILARITY, SCORES, TENSORS, MASKS):
        for of in (TABLES.get(name) or schema.MASKS).names[::3]:
            yield f"{name}-without-{of}", lambda at, name=name, of=of: rewrite(at, name, lambda t: t.drop_columns([of]))
        more = lambda t: t.append_column("more", pa.array(["<b>"] * len(t)))  # noqa: E731
        yield f"{name}-with-more", lambda at, name=name, more=more: rewrite(at, name, more)
        twice = lambda t: t.append_column(t.schema.field(0), t.column(0))  # noqa: E731
        yield f"{name}-with-a-column-twice", lambda at, name=name, twice=twice: rewrite(at, name, twice)
        no_rows = lambda t: t.slice(0, 0)  # noqa: E731
        yield f"{name}-without-rows", lambda at, name=name, no_rows=no_rows: rewrite(at, name, no_rows)
        again = lambda t: pa.concat_tables([t, t])  # noqa: E731
        yield f"{name}-with-rows-twice", lambda at, name=name, again=again: rewrite(at, name, again)
        other = lambda t: t.take(list(range(len(t)))[::-1])  # noqa: E731
        yield f"{name}-turned-round", lambda at, name=name, other=other: rewrite(at, name, other)


def pairs() -> Iterator[tuple[str, Attack]]:
    yield "one-way-only", lambda at: rewrite(at, SIMILARITY, lambda t: t.slice(0, len(t) - 1))
    yield "one-recipe-one-way", lambda at: rewrite(at, SIMILARITY, lambda t: t.slice(1))
    yield "other-the-other-way", column(SIMILARITY, "jaccard", first(0.99))
    yield "diagonal", column(SIMILARITY, "source", lambda rows: ["fin"] * len(rows))
    yield "strangers", column(SIMILARITY, "target", first("nob"))
    yield "other-recipe", column(SIMILARITY, "recipe", every("other-recipe"))
    yield "other-hash", column(INDEX, "sha256", every("0" * 64))
    yield "other-layout", column(INDEX, "layout", every("0" * 16))
    yield "two-layouts", column(INDEX, "layout", first("0" * 16))
    yield "two-settings-of-a-name", column(INDEX, "masking", first(0.150000001))
    yield "two-checkpoints", column(INDEX, "checkpoint", first("another"))
    yield "all-selected", column(INDEX, "n_selected", every(10**6))


def layouts() -> Iterator[tuple[str, Attack]]:
    for of in ("rows", "columns"):
        for label, change in {
            "repeated": lambda order: [order[0]] * len(order),
            "negative": lambda order: [-1, *order[1:]],
            "beyond": lambda order: [2**31 - 1, *order[1:]],
            "short": lambda order: order[1:],
            "empty": lambda order: [],
            "null": lambda order: None,
            "holes": lambda order: [None, *order[1:]],
        }.items():
            values = lambda lists, change=change: [change(lists[0]), *lists[1:]]  # noqa: E731
            yield f"layout-{of}-{label}", column(TENSORS, of, values)
    for label, shape in {
        "overflowing": [2**32, 2**32],
        "huge": [2**62],
        "none": [],
        "nothing": [0, 16],
        "negative": [-24, -16],
        "deep": [1] * 100_000,
        "null": None,
        "other": [16, 24],
    }.items():
        yield f"layout-shape-{label}", column(TENSORS, "shape", first(shape))
    yield "layout-one-name", column(TENSORS, "tensor", every("encoder.layer.0.attention.weight"))
    yield "layout-huge-number", column(TENSORS, "tensor", first(f"encoder.layer.{'9' * 400}.attention.weight"))
    yield "layout-far-layer", column(TENSORS, "tensor", first("encoder.layer.999999999999.attention.weight"))


def masks() -> Iterator[tuple[str, Attack]]:
    for label, change in {
        "short": lambda mask: mask[1:],
        "long": lambda mask: mask + b"\0",
        "empty": lambda mask: b"",
        "null": lambda mask: None,
        "flipped": lambda mask: bytes([mask[0] ^ 1]) + mask[1:],
    }.items():
        values = lambda masks, change=change: [change(masks[0]), *masks[1:]]  # noqa: E731
        yield f"mask-{label}", column(MASKS, "mask", values)
    yield "mask-other-seed", column(MASKS, "seed", every(7))
    yield "mask-no-seed", column(MASKS, "seed", every(None))
    yield "mask-one-tensor", column(MASKS, "tensor", every("encoder.layer.0.attention.weight"))
    yield "mask-no-tensor", column(MASKS, "tensor", first(None))
    yield "mask-row-groups", lambda at: rewrite(at, MASKS, lambda t: t, row_group_size=1)


def repeated(value: object, rows: int, kind: pa.DataType) -> pa.Array:
    """Return one value many times, as a dictionary: a few bytes in a file."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value], kind))


def bomb(name: str, big: str | None, rows: int, size: int = 1, **how) -> Attack:
    """Write rows without end, one column of which is large."""

    def attack(folder: Path) -> None:
        table = pq.read_table(folder / name)
        arrays, fields = [], []
        for field in table.schema:
            value = table[field.name][0].as_py()
            if field.name == big:
                value = (b"x" if pa.types.is_binary(field.type) else "x") * size
            texts = pa.types.is_string(field.type) or pa.types.is_binary(field.type)
            same = (
                repeated
                if texts and value is not None
                else lambda value, rows, kind: pa.repeat(pa.scalar(value, kind), rows)
            )
            arrays.append(same(value, rows, field.type))
            fields.append(pa.field(field.name, arrays[-1].type))
        made = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
        if "column_encoding" in how:
            made = made.cast(pq.read_schema(folder / name))
        pq.write_table(made, folder / name, compression="zstd", store_schema=False, **how)

    return attack


def bombs() -> Iterator[tuple[str, Attack]]:
    for name, big in [(INDEX, "licence"), (SIMILARITY, "source"), (SCORES, "origin"), (MASKS, "mask")]:
        yield f"bomb-{name}-texts", bomb(name, big, 6500, 10**6)
        yield f"bomb-{name}-text", bomb(name, big, 1, 10**8, use_dictionary=False)
        yield (
            f"bomb-{name}-prefixes",
            bomb(name, big, 1500, 10**6, use_dictionary=False, column_encoding={big: "DELTA_BYTE_ARRAY"}),
        )
    yield f"bomb-{TENSORS}-texts", bomb(TENSORS, "tensor", 6500, 10**6)
    for name, rows in [(INDEX, 2 * 10**6), (SIMILARITY, 2 * 10**7), (SCORES, 10**7), (TENSORS, 10**6), (MASKS, 10**6)]:
        yield f"bomb-{name}-rows", bomb(name, None, rows)
    for name, rows in [(INDEX, 90_000), (SIMILARITY, 240_000), (SCORES, 240_000)]:
        yield f"bomb-{name}-many-rows", bomb(name, None, rows)
    for of in ("rows", "columns", "shape"):
        yield f"bomb-layout-{of}", lambda at, of=of: long_lists(at, of)
    yield "bomb-columns", lambda at: rewrite(at, INDEX, many_columns)
    yield "bomb-row-groups", lambda at: rewrite(at, SIMILARITY, lambda t: pa.concat_tables([t] * 250), row_group_size=1)
    for depth in (50, 400):
        yield f"bomb-nesting-{depth}", lambda at, depth=depth: rewrite(at, INDEX, lambda t: nested(t, depth))
    yield "bomb-metadata", lambda at: rewrite(at, INDEX, lambda t: t.replace_schema_metadata({"x": "y" * (9 << 20)}))


def long_lists(folder: Path, of: str) -> None:
    table = pq.read_table(folder / TENSORS)
    lists = pa.ListArray.from_arrays([0, *[60_000_000] * len(table)], pa.repeat(pa.scalar(0, pa.int8()), 60_000_000))
    at = table.column_names.index(of)
    made = table.set_column(at, pa.field(of, pa.list_(pa.int8())), lists)
    pq.write_table(made, folder / TENSORS, compression="zstd", store_schema=False)


def many_columns(table: pa.Table) -> pa.Table:
    more = {f"c{number}": pa.array([0] * len(table)) for number in range(20_000)}
    return pa.table(dict(zip(table.column_names, table.columns, strict=True)) | more)


def nested(table: pa.Table, depth: int) -> pa.Table:
    array = pa.array([1] * len(table))
    for _ in range(depth):
        array = pa.StructArray.from_arrays([array], ["a"])
    return table.append_column("deep", array)


def changed_bytes(name: str, change: Callable[[bytes], bytes]) -> Attack:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def damaged() -> Iterator[tuple[str, Attack]]:
    for name in (INDEX, SIMILARITY, SCORES, TENSORS, MASKS):
        for part in (0.0, 0.01, 0.5, 0.9, 0.999):
            yield f"{name}-cut-{part}", changed_bytes(name, lambda data, part=part: data[: int(part * len(data))])
        for back in (1, 5, 8, 20, 60, 120, 250, 400, 700):
            flip = lambda data, at=back: data[:-at] + bytes([data[-at] ^ 0x55]) + data[len(data) - at + 1 :]  # noqa: E731
            yield f"{name}-flipped-{back}-before-its-end", changed_bytes(name, flip)
        for at in (4, 30, 100, 200):
            flip = lambda data, at=at: data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]  # noqa: E731
            yield f"{name}-flipped-at-{at}", changed_bytes(name, flip)
        long = lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1"  # noqa: E731
        yield f"{name}-footer-without-end", changed_bytes(name, long)
        zeros = lambda data: data[:4] + bytes(len(data) - 12) + data[-8:]  # noqa: E731
        yield f"{name}-of-zeros", changed_bytes(name, zeros)
        noise = np.random.default_rng(0).bytes(5000)
        yield f"{name}-of-noise", changed_bytes(name, lambda data, noise=noise: b"PAR1" + noise + data[-8:])
    yield "index-a-pickle", changed_bytes(INDEX, lambda data: pickle.dumps({"a": print}))


def in_place(name: str, put: Callable[[Path], object]) -> Attack:
    def attack(folder: Path) -> None:
        (folder / name).unlink()
        put(folder / name)

    return attack


def places() -> Iterator[tuple[str, Attack]]:
    for name in (INDEX, SIMILARITY, SCORES, TENSORS, MASKS, "README.md"):
        for label, put in {
            "device": lambda path: path.symlink_to("/dev/zero"),
            "passwords": lambda path: path.symlink_to("/etc/passwd"),
            "loop": lambda path: path.symlink_to(path),
            "pipe": os.mkfifo,
            "folder": Path.mkdir,
            "nothing": lambda path: None,
        }.items():
            yield f"{name}-is-{label}", in_place(name, put)


def cards() -> Iterator[tuple[str, Attack]]:
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    for label, text in {
        "laughs": f"---\n{laughs}---\n",
        "deep": f"---\na: {'[' * 5000}{']' * 5000}\n---\n",
        "python": "---\na: !!python/object/apply:os.system ['touch /tmp/x']\n---\n",
        "license": "---\nlicense: {a: 1}\n---\n",
        "licenses": "---\nlicense: [[1], {a: b}, null]\n---\n",
        "language": "---\nlanguage: [no, 1.5, <b>]\n---\n",
        "list": "---\n- a\n- b\n---\n",
        "keys": "---\n? [a, b]\n: c\n1: 2\nnull: 3\n---\n",
        "configs": "---\nconfigs: ../../x\ndataset_info: 3\n---\n",
        "open": "---\na: 'b\n",
        "names": "---\nself: 1\nignore_metadata_errors: 2\nmodel_id: 3\n---\n",
        "template": "---\na: '{{ 7 * 7 }}'\n---\n{% for x in range(10**9) %}{% endfor %}",
        "long": "---\na: b\n---\n" + "x" * 30_000_000,
        "long-metadata": f"---\na: {'x' * 5_000_000}\n---\n",
        "strings": "---\n" + "".join(f"k{n}: v\n" for n in range(20_000)) + "---\n",
    }.items():
        yield f"card-{label}", lambda at, text=text: (at / "README.md").write_text(text)
    yield "card-bytes", lambda at: (at / "README.md").write_bytes(b"---\na: \xff\x00\x1b\n---\n")


def formats() -> Iterator[tuple[str, Attack]]:
    for label, value in {"newer": "99", "text": "new<b>", "huge": "9" * 5000, "below": "-1", "bytes": b"\xff"}.items():
        meta = lambda t, value=value: t.replace_schema_metadata({"xsns_format": value})  # noqa: E731
        yield f"format-{label}", lambda at, meta=meta: rewrite(at, INDEX, meta)


def bound(attack: Attack) -> Attack:
    """Make an attack of which the index then says that all is as it was written."""

    def change(folder: Path) -> None:
        attack(folder)
        tables = {name: folder / name for name in (SIMILARITY, SCORES, TENSORS)}
        hashes = {name: sha256_of(path) for name, path in tables.items() if path.is_file()}
        index = pq.read_table(folder / INDEX).replace_schema_metadata(None)
        sealing.write_index(folder / INDEX, index, hashes)

    return change


def attacks() -> dict[str, Attack]:
    """Return all by name."""
    alone = itertools.chain(*(group() for group in (damaged, places, formats)))
    groups = (texts, numbers, types, columns, pairs, layouts, masks, bombs, cards)
    either = dict(itertools.chain(*(group() for group in groups)))
    return dict(alone) | either | {f"bound-{name}": bound(attack) for name, attack in either.items()}
