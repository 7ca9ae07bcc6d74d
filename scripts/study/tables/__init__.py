"""The paper's Tables 1 to 3, its Figure 3 and its appendix E, against published transfer scores.

For example:

    python scripts/study tables --data DATA                             # all; two hours on 2 cores
    python scripts/study tables --data DATA --tasks pos --parts table2  # one table of one task
    python scripts/study tables --data DATA --model MODEL --out OUT     # of another encoder, its OUT apart

Without --data, text comes from the Hub and the gold scores of POS from the package, which lacks three of the paper's
languages; the other tasks' gold, labels and X-POS features need --data.

Masks are kept in OUT/masks, a dataset per corpus, and made where they are missing. What is printed is also in OUT, a
file a part, with the figure.
"""
