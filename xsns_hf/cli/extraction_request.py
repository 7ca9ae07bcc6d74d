"""What `xsns extract` is asked for, and doing it."""

import dataclasses
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

from xsns_hf.cli.options import codes_of, console, numbers, sample_size, share_of
from xsns_hf.cli.starting import heavy_imports, say
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.planning import Plan
from xsns_hf.masks.subnetwork import check_density
from xsns_hf.processes import is_first, is_launched
from xsns_hf.recipe import HeadKind, ImportanceName, Objective, Precision, Recipe, Stacks, WantedPrecision

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.models.loading import Checkpoint
    from xsns_hf.text.corpus import Corpus
    from xsns_hf.text.opening import TextRequest

PAPER = {"importance": "exact", "examples": "1024", "density": "0.15", "seeds": 3}
"""The paper's settings (§4.2), which `--preset paper` stands for."""


@dataclass(frozen=True)
class Request:
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
    share: str | None
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
    precision: WantedPrecision
    sums_in: Path | None
    device_map: str | None
    corpus_name: str | None
    revision: str | None
    trust_remote_code: bool
    replace: bool
    processes: int | None

    @property
    def codes(self) -> list[str]:
        """The languages asked for, of these the share, canonical codes; none if all are, or a share of all."""
        return share_of(list(dict.fromkeys(codes_of(self.languages) or [])), self.share)

    @cached_property
    def wanted_text(self) -> "TextRequest":
        """The text asked for."""
        from xsns_hf.text.choice import Choice
        from xsns_hf.text.opening import TextRequest

        choice = Choice(self.config, self.split, self.column, self.language_column)
        return TextRequest(self.text, self.corpus, self.codes, choice, self.corpus_name)

    @property
    def precisions(self) -> list[Precision]:
        """The precisions that will do; with `auto`, the one to begin with first."""
        return ["float32", "bfloat16"] if self.precision == "auto" else [self.precision]

    def plan(self, precision: Precision | None = None) -> Plan:
        """Return how masks are to be made, in one of the precisions that will do."""
        size, _ = sample_size(self.examples, self.agreement, self.most)
        settings = size | {name: getattr(self, name) for name in ("importance", "max_length", "stacks")}
        settings |= {"precision": precision or self.precisions[0], "density": self.densities[0]}
        return Plan(self.objective, self.head, self.masking, settings)

    @property
    def sizes(self) -> list[int]:
        """Further |D|."""
        return sample_size(self.examples, self.agreement, self.most)[1]

    @property
    def densities(self) -> list[float]:
        """All densities."""
        return numbers(self.density, "--density")

    def languages_in(self, corpus: "Corpus") -> list[str]:
        """Return the languages to extract, canonical codes."""
        return self.codes or share_of(corpus.languages, self.share)

    def check(self) -> None:
        """Say what is wrong with the options before processes are started and torch is imported, which takes time.

        Raises:
            XsnsError: an option is out of range, doesn't go with another, or names what isn't there.
        """
        if self.seeds < 1:
            raise XsnsError(f"--seeds {self.seeds} extracts nothing: use at least 1.")
        plan = self.plan()
        self.wanted_text.check()
        if self.share and self.corpus is None:
            self.languages_in(self.wanted_text.open())
        plan.check()
        for density in self.densities:
            check_density(density)

    def open(self) -> "MaskRepository":
        """Return where the masks go; whoever types the command is asked what a name means that isn't clear.

        Raises:
            XsnsError: it can't be made or added to, or isn't clear.
        """
        from xsns_hf.dataset.repository import MaskRepository
        from xsns_hf.dataset.stores.opening import Unclear

        try:
            return MaskRepository(self.out, create=True)
        except Unclear:
            if is_launched() or not sys.stdin.isatty():
                raise
            if not typer.confirm(f"{self.out} is neither a folder nor a dataset on the Hub. Make it a folder?"):
                raise
            return MaskRepository(f"./{self.out}", create=True)

    def at_commit(self) -> Self:
        """Return the request for the commit that the model is at now, once it is seen to be there.

        Raises:
            XsnsError: it isn't.
        """
        from xsns_hf.models.locations import exact_revision

        return dataclasses.replace(self, revision=exact_revision(self.model, self.revision))

    def command(self, repository: "MaskRepository") -> list[str]:
        """Return the command line for several processes, with what is known by now: where to, which commit."""
        from xsns_hf.dataset.stores.folder import Folder

        place = ["--out", repository.name] if isinstance(repository.store, Folder) else []
        return [*sys.argv[1:], *place, *(["--revision", self.revision] if self.revision else [])]

    def is_fulfilled(self, repository: "MaskRepository") -> bool:
        """Return whether all masks are there, and say so if they are; neither torch nor the model is loaded.

        Raises:
            XsnsError: masks that are there don't fit.
        """
        if self.replace or not repository.recipes():
            return False
        from xsns_hf.cli.reports import print_summary
        from xsns_hf.extraction.resuming import there_already
        from xsns_hf.extraction.summary import BuildSummary

        corpus = self.wanted_text.open()
        found = (
            there_already(
                *(repository, self.plan(each), self.model, corpus, self.languages_in(corpus), range(self.seeds)),
                model_revision=self.revision,
                sizes=self.sizes,
                densities=self.densities,
            )
            for each in self.precisions
        )
        recipe = next(filter(None, found), None)
        if recipe is not None:
            print_summary(BuildSummary(kept=self.languages_in(corpus)), recipe.name, repository, console)
        return recipe is not None

    def fulfil(self, repository: "MaskRepository") -> None:
        """Extract the masks and say what was done."""
        corpus = self.wanted_text.open()  # what is wrong with it is known before torch is there
        with heavy_imports():
            from xsns_hf.cli.reports import print_other_recipes, print_summary
            from xsns_hf.extraction.build import build

        if is_first() and is_launched():
            repository.store.prepare()
        plan = self.plan()
        say("Loading the model …", when_launched=True)
        checkpoint = plan.load(
            self.model,
            revision=self.revision,
            trust_remote_code=self.trust_remote_code,
            device_map=self.device_map,
        )
        recipe = plan.recipe(checkpoint, corpus)
        if self.precision == "auto":
            recipe = self._settled(recipe, checkpoint, corpus)
        if is_first():
            print_other_recipes(repository, recipe, console)
        summary = build(
            repository,
            checkpoint,
            corpus,
            recipe,
            self.languages_in(corpus),
            range(self.seeds),
            densities=self.densities[1:],
            sums_in=self.sums_in,
            sizes=self.sizes,
            replace=self.replace,
        )
        if is_first():
            print_summary(summary, recipe.name, repository, console)

    def _settled(self, recipe: Recipe, checkpoint: "Checkpoint", corpus: "Corpus") -> Recipe:
        """Return a recipe with its precision chosen, and say why."""
        from accelerate import Accelerator

        from xsns_hf.extraction.precision import settled

        recipe, why = settled(recipe, checkpoint, corpus, self.languages_in(corpus)[0], Accelerator().device)
        if is_first():
            console.print(why)
        return recipe


def _is_given(name: str, context: typer.Context) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
