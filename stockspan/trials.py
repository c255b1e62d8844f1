"""`stockspan check --live`: what each feed would take over, in words."""

from __future__ import annotations

from loaders.outcome import Rejection
from loaders.trials import Trial

_LONGEST = 500


def lines(trial: Trial) -> list[str]:
    """What the look at a feed found, one line each."""
    said = [f"feed {trial.feed}: {trial.kind} from {trial.source}"]
    if trial.asks:
        said.append(f"  asks     {trial.asks}")
    said += [f"  takes    {record}" for record in trial.taken]
    said += [f"  rejects  {_rejection(row)}" for row in trial.rejections]
    if trial.unknown_fields:
        said.append(f"  ignores  {', '.join(trial.unknown_fields)}: no fields of {trial.kind}")
    if trial.problem is None:
        taken, rejected = len(trial.taken), len(trial.rejections)
        said.append(f"  {trial.rows} rows looked at: {taken} taken, {rejected} rejected")
    return [_in_one_line(line) for line in said]


def problem(trial: Trial) -> str | None:
    """What keeps the feed from working, in one line; None when nothing does."""
    what = trial.problem
    if what is None and trial.rejections and not trial.taken:
        first = trial.rejections[0]
        what = f"feed {trial.feed}: none of its rows can be taken; the first: {_rejection(first)}"
    if what is None:
        return None
    # Where the source is an address, it is in what was said of it.
    asked = f" (asked: {trial.asks})" if trial.asks and trial.asks not in what else ""
    return _in_one_line(what + asked)


def _rejection(row: Rejection) -> str:
    key = " ".join(row.key.values())
    named = f" ({key})" if key else ""
    value = "" if row.value is None else f" = {row.value}"
    return f"row {row.line}{named}: {row.field or 'the row'}{value} {row.reason}"


def _in_one_line(text: str) -> str:
    """What an ERP says may hold anything; a terminal is to show it, not to obey it."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
