"""A user's home with nothing in it, so that a client knows only what was pasted."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = Path(__file__).with_name("node_modules")
VENV = ROOT / ".venv-clients"
QUIET = {  # no look at anything but the proxy: neither updates nor lists of models nor packages
    "DISABLE_AUTOUPDATER": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "npm_config_offline": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


class Home:
    """``run`` gets no variable of ours but the path to the clients."""

    def __init__(self, folder: Path) -> None:
        """``folder`` becomes the home; commands run in a folder of their own inside it."""
        self.folder, self.work = folder / "home", folder / "work"
        self.folder.mkdir()
        self.work.mkdir()
        places = [MODULES / ".bin", MODULES / "opencode-linux-x64-baseline/bin", VENV / "bin"]
        if node := shutil.which("node"):
            places.append(Path(node).parent)
        self._path = os.pathsep.join([*map(str, places), "/usr/bin", "/bin"])

    def write(self, name: str, text: str) -> None:
        """A file of this home."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *command: str, given: str = "", **variables: str) -> str:
        """What the command printed; fails with all that it said when it did not succeed."""
        done = subprocess.run(
            command,
            env={"HOME": str(self.folder), "PATH": self._path, **QUIET, **variables},
            cwd=self.work,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
