"""The studies behind the numbers of the README and of scripts/results.

`python scripts/study NAME --help` says more of each. DATA, where a study takes it, holds the folders that
scripts/study/reproduction.py names: text and labels of a language in a file each, gold scores as CSV, the files of
X-POS in gold/xpos.
"""
