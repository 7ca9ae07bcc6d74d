"""How near to each other two languages are spoken."""

from xsns_hf.predictors.uriel import UrielPredictor


class Geography(UrielPredictor):
    """Cosine of the distances to 299 points of the globe."""

    name = "geography"
    about = "nearness: cosine of the distances to points of the globe in URIEL"
    file = "geocoord_features.npz"
