"""How fast, how large: ratios measured side by side in one run, alternating, as medians.

For example:

    python scripts/bench --size tiny        # seconds, to see that it runs
    python scripts/bench --size embedded    # the embedded checkpoint's shape
    python scripts/bench --size base        # XLM-R base's shape, random weights: about ten minutes
    python scripts/bench --size base --only ratios --examples 16 --rounds 9    # ours against the floor
    python scripts/bench --size base --only ratios --before HEAD~1    # and against an earlier revision
    python scripts/bench --size base --device cuda --only extraction,memory    # the same on a GPU
    python scripts/bench --device cuda --only sizes    # the memory that models of 0.3 to 3.5 billion parameters take
    python scripts/bench --only space       # a minute of 50 clients at the page

Sentences are those of the sample text in four languages, with their real lengths. Peers that are installed
(backpack-for-pytorch, opacus, numkong) are measured too. One thread, unless OMP_NUM_THREADS says otherwise.
"""
