"""How much of their family tree two languages share."""

from xsns_hf.predictors.uriel import UrielPredictor


class Genealogy(UrielPredictor):
    """Cosine of the families, branches and twigs that languages belong to: 0 for the unrelated."""

    name = "genealogy"
    about = "descent: cosine of the families and branches in URIEL (Glottolog's tree)"
    file = "family_features.npz"
