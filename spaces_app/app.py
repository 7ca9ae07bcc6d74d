"""The Space: `XSNS_MASKS` lists the mask datasets that it answers from, folders, `user/repo` on the Hub or `ready`, and
`XSNS_MODEL` the checkpoints that it loads for visitors who bring a new language.
"""

import os
from pathlib import Path

from xsns_hf.dataset.stores.ready import ready_names
from xsns_hf.space.catalogue import Shelf, datasets_in
from xsns_hf.space.own_text.checkpoints import models_in
from xsns_hf.space.page import launch_options, make_space
from xsns_hf.space.visitors import Visitors

DEMO = "xsns-demo"
"""What `xsns demo` makes: the masks to answer from where the list is empty; else what ships with the package."""

datasets = datasets_in(os.environ.get("XSNS_MASKS")) or ([DEMO] if Path(DEMO).is_dir() else ready_names())
shelf, visitors = Shelf(datasets), Visitors()
demo = make_space(shelf, visitors, models_in(os.environ.get("XSNS_MODEL")))

if __name__ == "__main__":
    demo.launch(**launch_options(shelf, visitors))
