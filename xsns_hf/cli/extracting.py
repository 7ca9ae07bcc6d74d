"""Command that makes masks: extract."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import typer

from xsns_hf.cli import launching
from xsns_hf.cli.options import (
    Head,
    Model,
    Revision,
    TrustRemoteCode,
    app,
    codes_of,
    console,
    numbers,
    sample_size,
)
from xsns_hf.cli.text_options import AnyText, Column, Config, Corpus, CorpusName, LanguageColumn, Split
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.planning import Plan
from xsns_hf.masks.subnetwork import check_density
from xsns_hf.processes import is_first, is_launched
from xsns_hf.recipe import (
    AGREEMENT,
    EXAMPLES,
    RECOMMENDED,
    HeadKind,
    ImportanceName,
    Objective,
    Precision,
    Stacks,
)

if TYPE_CHECKING:
    from xsns_hf.text.opening import TextRequest


PAPER = {"importance": "exact", "examples": "1024", "density": "0.15", "seeds": 3}
"""The paper's settings (§4.2), which `--preset paper` stands for."""


@app.command()
def extract(
    context: typer.Context,
    out: Annotated[
        str, typer.Option(help="Mask dataset, a folder or user/repo on the Hub; made if there is none, else added to.")
    ],
    model: Model = "embedded",
    text: AnyText = None,
    corpus: Corpus = None,
    config: Config = None,
    split: Split = None,
    column: Column = None,
    language_column: LanguageColumn = None,
    languages: Annotated[
        str | None, typer.Option(help="Codes or names, with commas. Default: all in the text.")
    ] = None,
    examples: Annotated[
        str,
        typer.Option(
            help="|D|: sentences per language and seed; several, with commas, cost as much as the largest; or "
            "`auto`: as many as the mask needs to settle."
        ),
    ] = str(EXAMPLES),
    agreement: Annotated[
        float, typer.Option(help="With auto: how well the masks of two halves of the sentences must agree (Jaccard).")
    ] = AGREEMENT,
    most: Annotated[int, typer.Option(help="With auto: sentences to use at most.")] = 1024,
    seeds: Annotated[int, typer.Option(help="Number of seeds: each draws its own sentences.")] = 3,
    density: Annotated[
        str, typer.Option(help="p: share of parameters in a sub-network; several, with commas, cost no more.")
    ] = "0.15",
    objective: Annotated[
        Objective | None,
        typer.Option(
            help="What is predicted: masked tokens, next tokens, T5's spans or BART's, by default as the model was "
            "pre-trained; or labels in --text, by a random head (Table 1's T, T)."
        ),
    ] = None,
    head: Head = None,
    masking: Annotated[
        float | None, typer.Option(help="Share of tokens masked. Default: 0.15; for infilling 0.35, as in mBART.")
    ] = None,
    stacks: Annotated[Stacks, typer.Option(help="Which blocks of an encoder–decoder masks cover.")] = "both",
    max_length: Annotated[int, typer.Option(help="Longest example in tokens; what is longer is cut.")] = 128,
    importance: Annotated[
        ImportanceName,
        typer.Option(
            help="What makes a parameter important: the paper's equation, as it is, with a cap on each sentence, or "
            "with each sentence's gradient divided by its norm; what its released code computes; |gradient|, "
            "|weight × gradient| (SNIP), or how often a feed-forward neuron is active."
        ),
    ] = RECOMMENDED,
    preset: Annotated[
        Literal["paper"] | None,
        typer.Option(
            help="`paper`: the paper's settings, which are --importance exact, --examples 1024, --density 0.15 and "
            "--seeds 3; what is given beside it counts."
        ),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(help="Of the forward and backward pass, or of the weights too; sums stay float32."),
    ] = "float32",
    sums_in: Annotated[
        Path | None,
        typer.Option(
            help="Keep the sums on disk, in this folder. Default: if memory is short, in the temporary one, which must "
            "then be on a disk itself."
        ),
    ] = None,
    device_map: Annotated[
        str | None, typer.Option(help="`auto` spreads a model that is too large for one GPU over several.")
    ] = None,
    corpus_name: CorpusName = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    replace: Annotated[bool, typer.Option("--replace", help="Extract again what is there already.")] = False,
    processes: Annotated[
        int | None, typer.Option(help=f"Default: one with a GPU, else one a core, at most {launching.MOST}.")
    ] = None,
) -> None:
    """Extract the sub-network of each language and add it to a mask dataset. Repeat the command to resume.

    Examples:
        xsns extract --languages fin,deu --examples 256 --out masks
        xsns extract --model FacebookAI/xlm-roberta-base --text my-text --out masks
        xsns extract --model google/mt5-base --stacks encoder --text my-text \\
            --out mt5-masks
        # any dataset on the Hub
        xsns extract --corpus owner/name --config "{code_Script}" \\
            --languages fin,swh --out masks
        # nine recipes, one pass
        xsns extract --text my-text --examples 64,128,256 \\
            --density 0.05,0.15,0.3 --out masks
        # several GPUs
        accelerate launch --num_processes 2 -m xsns_hf extract --out masks
    """
    request = _Request.of(**locals())  # the parameters, all of them
    request.check()
    number = 1 if is_launched() else processes or launching.default_number()
    if number > 1:
        raise typer.Exit(launching.run(sys.argv[1:], number))
    try:
        request.fulfil()
    except KeyboardInterrupt:
        if is_first():
            print("\nInterrupted: finished languages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None


@dataclass(frozen=True)
class _Request:
    """What `xsns extract` is asked for: its options, under their names."""

    @classmethod
    def of(cls, context: typer.Context, preset: str | None, **options: Any) -> Self:
        """Return the request of the options; with a preset, those that aren't given are its own."""
        own = {name: value for name, value in PAPER.items() if not _is_given(name, context)}
        return cls(**options | (own if preset else {}))

    out: str
    model: str
    text: Path | None
    corpus: str | None
    config: str | None
    split: str | None
    column: str | None
    language_column: str | None
    languages: str | None
    examples: str
    agreement: float
    most: int
    seeds: int
    density: str
    objective: Objective | None
    head: HeadKind | None
    masking: float | None
    stacks: Stacks
    max_length: int
    importance: ImportanceName
    precision: Precision
    sums_in: Path | None
    device_map: str | None
    corpus_name: str | None
    revision: str | None
    trust_remote_code: bool
    replace: bool
    processes: int | None

    @property
    def codes(self) -> list[str]:
        """The languages asked for, canonical codes; none if all are."""
        return codes_of(self.languages) or []

    @cached_property
    def wanted_text(self) -> "TextRequest":
        """The text asked for."""
        from xsns_hf.text.choice import Choice
        from xsns_hf.text.opening import TextRequest

        choice = Choice(self.config, self.split, self.column, self.language_column)
        return TextRequest(self.text, self.corpus, self.codes, choice, self.corpus_name)

    def plan(self) -> Plan:
        """Return how masks are to be made."""
        size, _ = sample_size(self.examples, self.agreement, self.most)
        names = ("importance", "max_length", "precision", "stacks")
        settings = size | {name: getattr(self, name) for name in names}
        return Plan(self.objective, self.head, self.masking, settings)

    def check(self) -> None:
        """Say what is wrong with the options before processes are started and torch is imported, which takes time.

        Raises:
            XsnsError: an option is out of range, doesn't go with another, or names what isn't there.
        """
        if self.seeds < 1:
            raise XsnsError(f"--seeds {self.seeds} extracts nothing: use at least 1.")
        densities, plan = numbers(self.density, "--density"), self.plan()
        self.wanted_text.check()
        plan.check()
        for density in densities:
            check_density(density)

    def fulfil(self) -> None:
        """Extract the masks and say what was done."""
        corpus = self.wanted_text.open()  # what is wrong with it is known before torch is there
        from xsns_hf.cli.reports import print_other_recipes, print_summary
        from xsns_hf.dataset.repository import MaskRepository
        from xsns_hf.extraction.build import build

        repository = MaskRepository(self.out, create=True)
        if is_first():
            repository.store.prepare()
        plan = self.plan()
        checkpoint = plan.load(
            self.model,
            revision=self.revision,
            trust_remote_code=self.trust_remote_code,
            device_map=self.device_map,
        )
        density, *densities = numbers(self.density, "--density")
        recipe = plan.recipe(checkpoint, corpus, density=density)
        if is_first():
            print_other_recipes(repository, recipe, console)
        summary = build(
            repository,
            checkpoint,
            corpus,
            recipe,
            list(dict.fromkeys(self.codes or corpus.languages)),
            range(self.seeds),
            densities=densities,
            sums_in=self.sums_in,
            sizes=sample_size(self.examples, self.agreement, self.most)[1],
            replace=self.replace,
        )
        if is_first():
            print_summary(summary, recipe.name, repository, console)


def _is_given(name: str, context: typer.Context) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
