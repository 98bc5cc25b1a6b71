from collections.abc import Callable
from typing import Any

import numpy as np

class Digester:
    def __init__(
        self,
        memory: Callable[[Any], tuple[np.ndarray, ...] | None],
        view: Callable[[type], Callable[[Any], Any] | None],
    ) -> None: ...
    def digest(self, root: Any) -> bytes: ...
