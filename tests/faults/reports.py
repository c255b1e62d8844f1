"""What became of a scenario: what was done, what was found, where the history is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import check
from tests.faults.history import History, dump
from tests.faults.violations import Limits, Violation

_SHOWN = 5


@dataclass
class Report:
    """One run of a scenario. `recoveries` are seconds from a fault's end till all was well.

    `findings` are what is wrong and no checker of histories sees; `measured` is what came of
    it in a few words, where the counts do not say it; `ratios` are of each fault, a faulty run to a
    healthy one.
    """

    scenario: str
    seconds: float = 0.0
    requests: int = 0
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    violations: Sequence[Violation] = ()
    findings: list[str] = field(default_factory=list)
    measured: str = ""
    ratios: Mapping[str, Sequence[float]] = field(default_factory=dict)
    kept: Path | None = None

    def judge(self, history: History, limits: Limits, folder: Path) -> None:
        """Let the checker look; a history with violations is kept in the folder."""
        self.violations = check(history, limits)
        if self.violations or self.findings:
            self.kept = folder / f"{self.scenario}.ndjson"
            dump(history, self.kept)
            text = "\n".join([*self.findings, *map(str, self.violations)])
            self.kept.with_suffix(".txt").write_text(text + "\n", "utf-8")

    @property
    def promised(self) -> str:
        """What came of the requests for reservations."""
        counts = {name.split()[1]: times for name, times in self.done.items() if "reserve" in name}
        words = {"201": "granted", "409": "refused", "503": "not now"}
        return ", ".join(f"{counts.get(status, 0)} {word}" for status, word in words.items())

    @property
    def wrong(self) -> int:
        """How much was found."""
        return len(self.violations) + len(self.findings)

    def require_clean(self) -> None:
        """Return if nothing was found; fails with what was."""
        shown = "\n".join([*self.findings, *map(str, self.violations[:_SHOWN])])
        assert not self.wrong, f"{self.wrong} violations, in {self.kept}:\n{shown}"

    def require_work(self, *outcomes: str) -> None:
        """Return if each of these came about; a scenario in which nothing happens shows nothing."""
        missing = [outcome for outcome in outcomes if not self.done[outcome]]
        assert not missing, f"{missing} never happened: {dict(self.done)}"
