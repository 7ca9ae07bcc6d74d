"""Fit the masked-LM head of the embedded checkpoint, as it ships in xsns_hf/assets.

python scripts/make/embedded_head.py --text DIR     # DIR holds one <code>.txt per language; about 15 minutes
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

import xsns_hf
from xsns_hf.models.embedded import EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.models.head_files import head_fingerprint
from xsns_hf.models.head_fitting import fit_head
from xsns_hf.models.heads import save_head
from xsns_hf.text.folder import text_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="folder with one <code>.txt per language")
    parser.add_argument("--minutes", type=float, default=15.0, help="about how long to fit")
    parser.add_argument("--steps", type=int, help="so many steps instead: the same head every time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="a head is repeatable for a number of threads")
    parser.add_argument("--out", type=Path, help="by default the packaged file")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    corpus = text_folder(arguments.text)
    folder = embedded_checkpoint()
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = {language: corpus.sentences(language) for language in corpus.languages}
    head, report = fit_head(
        model, tokenizer, texts, minutes=arguments.minutes, steps=arguments.steps, seed=arguments.seed
    )
    out = arguments.out or Path(xsns_hf.__file__).parent / "assets" / "embedded_head.safetensors"
    save_head(head, out, {"revision": EMBEDDED_REVISION, "corpus": corpus.name, **report.metadata()})
    print(report)
    print(f"{out}: {out.stat().st_size} bytes, fingerprint {head_fingerprint(out)}")


if __name__ == "__main__":
    main()
