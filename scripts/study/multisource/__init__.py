"""Training on several sources at once, the paper's §6.4 and Figure 4: whose three suggestions are best?

For example:

    xsns transfer --task pos --data UD --preset small --seeds 1 --out GOLD    # first: all single sources
    python scripts/study multisource --gold GOLD --data UD --masks MASKS --text TEXT --dry-run
    python scripts/study multisource --gold GOLD --data UD --masks MASKS --text TEXT

For each target: the best single source by the gold scores (BEST-1), the mix of the best three (BEST-3), English, and of
each predictor the mix of its first three and its first alone. The target itself is never a source. What methods or
targets share is trained once; scores of mixes are added to GOLD, where `read_gold` leaves them out, so the same command
goes on where it was stopped, and trains nothing where all is there. Several at once share the work.

`--dry-run` prints the mixes, which targets each is for and which of these aren't scored yet. Else two Markdown tables
are printed, means over targets and each target's scores; they are in OUT/multisource.md too, and in OUT/figure4.png.
"""
