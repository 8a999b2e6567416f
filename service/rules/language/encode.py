"""Values of the language in the shape of JSON."""

import math

from service.rules.language import times
from service.rules.language.values import Duration, Timestamp, Value

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def json_value(value: Value) -> Json:
    """Timestamps by RFC 3339, durations as seconds (`5400s`), NaN and the infinities as strings."""
    if isinstance(value, Timestamp):
        return times.timestamp_text(value)
    if isinstance(value, Duration):
        return times.duration_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    return value
