"""Make the similarities that ship with the package (xsns_hf/assets/ready): `xsns rank Swahili` answers from them.

    python scripts/make/ready_similarities.py DATA --work FOLDER

DATA is the folder with ud, text and ner; the masks stay in FOLDER, from which an interrupted run goes on. The embedded
checkpoint takes about an hour and a half on two cores. Another model is made with its own --model, --examples and
--seeds, and --only, if not of all texts; its folder in the package is called as it is.
"""

import argparse
import re
import shutil
from pathlib import Path

import pandas as pd

import xsns_hf
from xsns_hf.cli import launching
from xsns_hf.languages.codes import identify
from xsns_hf.recipe import EMBEDDED, EXAMPLES, display_name

OUT = Path(xsns_hf.__file__).parent / "assets" / "ready"
TABLES = ("index.parquet", "similarity.parquet", "layout.parquet")
SEEDS = 3


TEXTS = {
    "ud": ("text/*.txt", "ud/*/train.jsonl", "ud/*/test.jsonl"),
    "wikiann": ("ner/wikiann/*/train.jsonl", "ner/wikiann/*/test.jsonl"),
}
"""Files of a corpus below DATA, the best first; of a language, the first with enough lines, else that with most."""


def chosen(corpus: str, data: Path) -> dict[str, Path]:
    """Return the file of each language of a corpus."""
    by_code: dict[str, list[Path]] = {}
    for pattern in TEXTS[corpus]:
        for file in sorted(data.glob(pattern)):
            by_code.setdefault(identify(_name(file)), []).append(file)
    # The first of equals is taken.
    return {code: max(files, key=lambda file: min(_lines(file), EXAMPLES)) for code, files in by_code.items()}


def gathered(corpus: str, data: Path, folder: Path) -> Path:
    """Copy the files of a corpus into a folder and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for code, file in chosen(corpus, data).items():
        shutil.copyfile(file, folder / f"{code}{file.suffix}")
    return folder


def treebanks(data: Path) -> pd.DataFrame:
    """Return where the sentences of `ud` are from, by the tables of DATA/SOURCES.md: language, treebanks, licence."""
    lines = (data / "SOURCES.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    described = {row[0]: row for row in cells if len(row) == 7}
    rows = []
    for code, file in chosen("ud", data).items():
        _, _, _, train, _, test, licence = described[_name(file)]
        named = re.findall(r"[\w-]+(?=@)|xtreme", test if file.name == "test.jsonl" else train)
        rows.append((code, ", ".join(dict.fromkeys(named)), licence))
    return pd.DataFrame(sorted(rows), columns=["language", "treebanks", "licence"])


def _name(file: Path) -> str:
    """Return which language a file is of, as DATA has it."""
    return file.stem if file.suffix == ".txt" else file.parent.name


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for text and masks")
    parser.add_argument("--model", default=EMBEDDED, help="model id, folder, or embedded")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="*", choices=TEXTS, default=list(TEXTS), help="corpora")
    parser.add_argument("--languages", help="codes with commas; by default all of a corpus")
    arguments = parser.parse_args()

    name = Path(display_name(arguments.model)).name  # of the folder in the package
    masks = arguments.work / "masks" / name
    for corpus in arguments.only:
        text = gathered(corpus, arguments.data, arguments.work / "text" / corpus)
        command = ["extract", "--model", arguments.model, "--text", str(text), "--corpus-name", corpus]
        command += ["--examples", str(arguments.examples), "--seeds", str(arguments.seeds), "--out", str(masks)]
        command += ["--languages", arguments.languages] if arguments.languages else []
        if launching.run(command, launching.default_number()):
            raise SystemExit(f"Not all masks of {corpus} were made: see above why, and repeat the command.")
    out = OUT / name
    out.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        shutil.copyfile(masks / table, out / table)
    treebanks(arguments.data).to_csv(OUT / "treebanks.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
