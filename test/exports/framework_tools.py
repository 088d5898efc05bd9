"""What `frameworks.py` needs for frameworks without dependable second derivatives: products by differences of the gradient."""

import numpy as np

EPSILON = 1e-6


def product(gradient, parameters):
    """H·u of `gradient` at `parameters` (dictionaries of float64), u = g/√(g²+ε): central differences, extrapolated once."""
    g = gradient(parameters)
    u = {k: v / np.sqrt(v * v + EPSILON) for k, v in g.items()}

    def difference(h):
        moved = lambda s: gradient({k: v + s * h * u[k] for k, v in parameters.items()})
        ahead, behind = moved(1.0), moved(-1.0)
        return {k: (ahead[k] - behind[k]) / (2 * h) for k in g}

    coarse, fine = difference(2e-4), difference(1e-4)
    return g, {k: (4 * fine[k] - coarse[k]) / 3 for k in g}
