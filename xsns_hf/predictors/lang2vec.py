"""L2V: how alike two languages are in structure (Littell et al. 2017; appendix B)."""

from xsns_hf.predictors.uriel import UrielPredictor


class Lang2Vec(UrielPredictor):
    """Cosine of syntax, phonology and inventory features, unknown ones as URIEL's nearest neighbours predict them."""

    name = "lang2vec"
    about = "structure: cosine of URIEL's syntax, phonology and inventory (Littell et al. 2017)"
    file = "feature_predictions.npz"
    prefixes = ("S_", "P_", "INV_")
