"""`python -m xsns_hf` is the `xsns` command; `accelerate launch -m xsns_hf …` runs it in several processes."""

from xsns_hf.cli import main

main()
