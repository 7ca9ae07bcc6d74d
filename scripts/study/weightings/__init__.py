"""Which sum of squared gradients should be the default, and which order of the sources? All on the same samples.

For example:

    python scripts/study weightings --data DATA    # an hour and a half on 2 cores, 8 GB in OUT/weightings

Exact, capped (c = 1, 2 and 3 on the first seed of POS and NER, else 2) and normalised Fisher information of the
embedded checkpoint with its fitted head, at several |D|; gold scores are those that ship with the package, of POS those
in DATA. DATA and OUT are those of `tables`.

- *Weightings*: each against exact, as `study importance` compares.
- *Agreement*: of the rankings of two seeds.
- *Orders*: by similarity, by what it is joined with, and by expectation, learnt from other targets.
- *Sets*: whether what is said of the best source comes true.
"""
