"""A local stand-in of the Hugging Face Hub, for tests: the real clients talk to it over HTTP on loopback.

    with HubServer() as hub:
        api = HfApi(endpoint=hub.url, token=hub.write_token)
        api.create_repo("user/masks", repo_type="dataset")
        hub.faults.lose_race(times=1)
        ...
        assert hub.files("datasets/user/masks") == {...}

Repositories are named as in the Hub's addresses: `user/name` is a model, `datasets/user/name` a dataset,
`spaces/user/name` a Space.
"""

from hub.faults import Exchange, Faults, Rule
from hub.server import HubServer
from hub.state import Commit, HubError, Repository, Stored

__all__ = ["Commit", "Exchange", "Faults", "HubError", "HubServer", "Repository", "Rule", "Stored"]
