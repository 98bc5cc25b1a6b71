"""scikit-learn's own module, its predictions through perfcore."""

from .mirror import reflect

reflect(__name__)
