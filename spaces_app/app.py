"""The Space: `XSNS_MASKS` lists the mask datasets that it answers from, folders or `user/repo` on the Hub."""

import os
from pathlib import Path

from xsns_hf.space.catalogue import Shelf, datasets_in
from xsns_hf.space.page import launch_options, make_space

DEMO = "xsns-demo"
"""What `xsns demo` makes: the masks to answer from where the list is empty."""

datasets = datasets_in(os.environ.get("XSNS_MASKS")) or [DEMO] * Path(DEMO).is_dir()
demo = make_space(Shelf(datasets), os.environ.get("XSNS_MODEL"))

if __name__ == "__main__":
    demo.launch(**launch_options())
