"""What was measured: a value per metric, peer and round; medians, and ratios taken within each round."""

from collections.abc import Iterable, Mapping
from statistics import median

__all__ = ["Samples"]


class Samples:
    """Values by metric, then peer, then round; a run that was not valid has no value.

    A ratio is the median of the ratios of each round: what slows the machine down for a while slows
    both peers of that round down, and cancels out.
    """

    def __init__(self) -> None:
        self._values: dict[str, dict[str, dict[int, float]]] = {}

    def add(self, peer: str, number: int, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of one run of a peer in the round of that number."""
        for metric, value in metrics.items():
            self._values.setdefault(metric, {}).setdefault(peer, {})[number] = value

    def median(self, metric: str, peer: str) -> float | None:
        """Return the median over the rounds, None when there is no valid run."""
        return _median(self._of(metric, peer).values())

    def largest(self, metric: str, peer: str) -> float | None:
        """Return the largest value of all rounds, None when there is no valid run."""
        return max(self._of(metric, peer).values(), default=None)

    def ratio(self, metric: str, peer: str, base: str) -> float | None:
        """Return how many times the base's value the peer reached, None without a common round."""
        ours, theirs = self._of(metric, peer), self._of(metric, base)
        return _median(ours[number] / theirs[number] for number in ours.keys() & theirs.keys())

    def as_dict(self) -> dict[str, dict[str, list[float]]]:
        """Return the values of each metric and peer in the order of the rounds, for JSON."""
        return {
            metric: {peer: [rounds[number] for number in sorted(rounds)] for peer, rounds in peers.items()}
            for metric, peers in self._values.items()
        }

    def _of(self, metric: str, peer: str) -> dict[int, float]:
        return self._values.get(metric, {}).get(peer, {})


def _median(values: Iterable[float]) -> float | None:
    kept = list(values)
    return median(kept) if kept else None
