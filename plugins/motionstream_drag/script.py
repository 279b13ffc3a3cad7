"""DragScript: a drag as a file, recorded or written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from motionstream.errors import InputError, OutputError
from motionstream_drag.event import Event
from motionstream_drag.settings import DragSettings


class DragScript(BaseModel):
    """Events and the settings they were made with: ``{"version": 1, "settings": {...}, "events": [...]}``.

    Attributes:
        version: Of the format.
        settings: Settings of the drag provider; those left out keep their defaults.
        events: What happened, in the order in which it became known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    settings: dict[str, Any] = Field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if "script" in self.settings:
            raise ValueError("a script cannot name another script in its settings")
        DragSettings.model_validate(self.settings)
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a script.

        Raises:
            InputError: There is no such file, or it is not a script; the first problem is named.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise InputError(
                f"Drag script {path}: could not be read: {error.strerror or error}. Check the path."
            ) from error
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "the file"
            raise InputError(f"Drag script {path}: {where}: {problem['msg']}. Correct the script.") from error

    def save(self, path: str | Path) -> None:
        """Write the script as JSON, one event a line.

        Raises:
            OutputError: The file cannot be written.
        """
        events = ",\n    ".join(json.dumps(event.model_dump(mode="json", exclude_none=True)) for event in self.events)
        text = (
            f'{{\n  "version": 1,\n  "settings": {json.dumps(self.settings)},\n  "events": [\n    {events}\n  ]\n}}\n'
        )
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"Drag script {path}: could not be written: {error.strerror or error}. Choose another path."
            ) from error

    def settings_under(self, given: DragSettings) -> DragSettings:
        """The script's settings, overruled by those that `given` states explicitly."""
        return DragSettings.model_validate({**self.settings, **given.model_dump(exclude_unset=True)})
