"""Expected failures of previews."""

from collections.abc import Sequence

from service.errors import Fault, Invalid


class PreviewInvalid(Invalid):
    """What is asked of a ladder cannot be foreseen as it stands. Each entry of `errors` points at a place."""

    code = "ladder-preview-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("What is asked cannot be foreseen as it stands.", faults=faults)
