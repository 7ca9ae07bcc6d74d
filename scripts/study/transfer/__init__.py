"""The paper's Figures 1, 5 and 7, from scores that `xsns transfer` measured or that others published.

For example:

    python scripts/study transfer --gold pos=GOLD --masks pos=MASKS --recipe pos=ud-mlm-fitted-n256-p0.15
    python scripts/study transfer --gold pos=GOLD --gold ner=wikiann_ner.csv:f1 --masks ner=MASKS

--gold, --masks and --recipe may be given several times, once a task. GOLD is a folder of `xsns transfer` or a CSV such
as `xsns evaluate` takes, a metric behind a colon; scores that are fractions are made percent. What lacks data is
skipped, and said so.

- figure1.png: by target, scores with English, with our first suggestion and with the best source; dotted: means.
- figure5.png: by task, what all sources lose against training on the target language itself.
- figure7.png: English against our first suggestion for low-resource targets; lines: means.

The sources are those of the gold scores that have masks, but never the target. The numbers drawn are printed as
Markdown tables, and are in OUT/transfer.md.
"""
