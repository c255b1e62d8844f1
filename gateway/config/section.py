"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Some settings that belong together; once read, they stay as they are."""

    # A misspelt setting must not pass for one that was set.
    model_config = ConfigDict(extra="forbid", frozen=True)
