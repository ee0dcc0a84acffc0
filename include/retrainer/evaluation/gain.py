"""Gates on the metric: better than the champion, or not worse; better than the baseline rule; not below a floor."""

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Gate
from retrainer.evaluation.bootstrap import PairedDifference
from retrainer.evaluation.comparison import reference_name


def champion_gate(config: ModelConfig, champion_version: int, measured: PairedDifference) -> Gate:
    """Superiority: the interval lies above `min_gain`. Non-inferiority: it lies above minus `margin`."""
    reference = reference_name(champion_version)
    margin = config.gates.margin
    if config.gates.test == "superiority" or margin is None:
        return _gain_gate("superiority", config, measured, reference=reference, needed=config.gates.min_gain)
    if not measured.is_finite:
        return _undefined("non_inferiority", config, reference=reference, needed=-margin)
    passed = measured.low > -margin
    if measured.low > 0:
        verdict = f"better than {reference}"
    else:
        verdict = f"{'' if passed else 'not '}shown to be worse than {reference} by less than {margin:g}, if at all"
    message = f"{verdict}: {in_numbers(config, measured)}"
    return Gate(name="non_inferiority", passed=passed, value=measured.low, threshold=-margin, message=message)


def baseline_gate(config: ModelConfig, measured: PairedDifference) -> Gate:
    """Better than the baseline rule, by more than `min_gain_over_baseline`; for the first model by more than 0 at least
    where that is null."""
    needed = config.gates.min_gain_over_baseline or 0.0
    return _gain_gate("baseline", config, measured, reference=reference_name(None), needed=needed)


def floor_gate(config: ModelConfig, measured: PairedDifference) -> Gate | None:
    """The challenger's own value is not below `min_value`; None where that is null."""
    floor = config.gates.min_value
    if floor is None:
        return None
    passed = measured.challenger >= floor
    relation = "at or above" if passed else "below"
    message = f"{config.evaluation.metric} {measured.challenger:.4f} is {relation} the floor of {floor:g}"
    return Gate(name="floor", passed=passed, value=measured.challenger, threshold=floor, message=message)


def in_numbers(config: ModelConfig, measured: PairedDifference) -> str:
    """Both values, their difference and its interval."""
    values = f"{config.evaluation.metric} {measured.challenger:.4f} against {measured.reference:.4f}"
    interval = f"{config.evaluation.confidence:.0%} interval [{measured.low:+.4f}, {measured.high:+.4f}]"
    return f"{values}, difference {measured.difference:+.4f}, {interval}"


def _gain_gate(name: str, config: ModelConfig, measured: PairedDifference, *, reference: str, needed: float) -> Gate:
    if not measured.is_finite:
        return _undefined(name, config, reference=reference, needed=needed)
    passed = measured.low > needed
    if passed:
        verdict = f"better than {reference}"
    elif measured.high < 0:
        verdict = f"worse than {reference}"
    else:
        verdict = f"not shown to be better than {reference}" + (f" by more than {needed:g}" if needed else "")
    message = f"{verdict}: {in_numbers(config, measured)}"
    return Gate(name=name, passed=passed, value=measured.low, threshold=needed, message=message)


def _undefined(name: str, config: ModelConfig, *, reference: str, needed: float) -> Gate:
    message = f"{config.evaluation.metric} against {reference} is undefined on the holdout"
    return Gate(name=name, passed=False, threshold=needed, message=message)
