"""The closed world: every name that a policy uses must exist. A typo is an error at load, never a rule that never fires.

One ``Names`` serves one loading; the shapes ask it while they read. Answers are the name itself, or ``ValueError`` with
the nearest name that exists.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from fnmatch import filter as fitting

from proxy.config.directory import Directory
from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.policy.globs import is_glob, meet
from proxy.policy.known import Known, KnownModels

_LISTED = 12


class Names:
    """Who and what exists. ``rules``: the verb of every rule by its id, those of broken files included."""

    def __init__(
        self,
        directory: Directory,
        known: Known,
        rules: Mapping[str, str],
        own: Iterable[str] = (),
        *,
        whole: bool = True,
    ) -> None:
        """``own``: detectors of the policies themselves; ``whole``: no file is missing in which more names may stand."""
        self._whole = whole
        self.directory = directory
        self.rules = rules
        self.models = known.models
        self.detectors = known.detectors | frozenset(own)
        self._groups = {name.partition(".")[0] for name in self.detectors}
        self._keys = {key.id: key for key in directory.keys}
        self._known_models: dict[str, str] = {}  # by pattern: "" or why it is refused

    def team(self, name: str) -> str:
        """Check the name of a team."""
        return _one("team", name, self.directory.teams, "the directory has")

    def user(self, name: str) -> str:
        """Check the name of a person."""
        return _one("user", name, self.directory.users, "the directory has")

    def key(self, name: str) -> str:
        """Check the id of a key."""
        return _one("key", name, self._keys, "the directory has")

    def project(self, name: str) -> str:
        """Check the name of a project."""
        return _one("project", name, self.directory.projects, "the directory has")

    def group(self, name: str) -> str:
        """Check the name of a group."""
        return _one("group", name, self.directory.groups, "the directory has")

    def detector(self, name: str) -> str:
        """Check a detector or a group of them: ``pii.email``, ``secrets``; a name alone becomes the full one."""
        if name in self._groups:
            return name
        full = [one for one in self.detectors if one.partition(".")[2] == name]
        if len(full) == 1:
            return full[0]
        return _one("detector", name, self.detectors | self._groups, "known are") if self._whole else name

    def rule(self, name: str) -> str:
        """Check the id of a rule: ``org/person-day``."""
        return _one("rule", name, self.rules, "write policy/rule; there are") if self._whole else name

    def rule_of(self, name: str, verb: str) -> str:
        """Check the id of a rule with a certain verb."""
        self.rule(name)
        if self.rules.get(name, "") not in {verb, ""}:
            hint = did_you_mean(name, (rule for rule, kind in self.rules.items() if kind == verb))
            raise ValueError(f"{shown(name)} is no {verb} but a {self.rules[name]}" + (f"; {hint}" if hint else ""))
        return name

    def pattern(self, glob: str) -> str:
        """Check a name or pattern of models: something that can be called must fit it."""
        if glob not in self._known_models:
            self._known_models[glob] = "" if self._fits_some(glob) else self._no_model(glob)
        if why := self._known_models[glob]:
            raise ValueError(why)
        return glob

    def model(self, name: str) -> str:
        """Check the name of one model, as ``route`` needs it."""
        if is_glob(name):
            raise ValueError(f"{shown(name)} is a pattern; name one model")
        return self.pattern(name)

    def asked_model(self, name: str) -> str:
        """Check a model that a test asks for: it may be one that nobody prices, but it must go somewhere."""
        if self.models.served(name) or self._fits_some(name):
            return name
        raise ValueError(self._no_model(name))

    def key_of(self, key_id: str) -> tuple[str, str | None]:
        """Give a key's team and user."""
        key = self._keys[key_id]
        return key.team, key.user

    def _fits_some(self, glob: str) -> bool:
        models = self.models
        if any(meet(glob, pattern) for pattern in models.patterns if _is_about(glob, pattern)):
            return True
        if not is_glob(glob):
            return glob in models.names or models.priced(glob)
        return bool(fitting(models.names, glob))

    def _no_model(self, glob: str) -> str:
        return "; ".join(filter(None, [f"no model fits {shown(glob)}", _near_model(glob, self.models)]))


def _is_about(glob: str, pattern: str) -> bool:
    """Any name may be below ``vllm/*``, one that ends like ``*-rpeview``, too; only what begins alike speaks of it."""
    return glob == "*" or not is_glob(glob[:1]) or is_glob(pattern[:1])


def _near_model(glob: str, models: KnownModels) -> str:
    names = models.names
    if hint := did_you_mean(glob, models.patterns):
        return hint
    stem = glob.strip("*")
    if stem == glob or is_glob(stem) or not stem:
        return did_you_mean(glob, names)
    # `gtp-5*` looks like the beginning of a name and `*-rpeview` like an end, not like a whole one.
    front, back = glob[: glob.index(stem)], glob[glob.index(stem) + len(stem) :]
    lengths = (len(stem) - 1, len(stem), len(stem) + 1)
    parts = {name[-length:] if front else name[:length] for name in names for length in lengths if length}
    near = difflib.get_close_matches(stem.lower(), parts, 1)
    return f"did you mean {front + near[0] + back!r}?" if near else ""


def _one(what: str, name: str, known: Collection[str], intro: str) -> str:
    if name in known:
        return name
    hint = did_you_mean(name, known)
    if not hint and known:
        some = sorted(known)[:_LISTED]
        hint = f"{intro} {', '.join(some)}" + (" …" if len(known) > _LISTED else "")
    raise ValueError("; ".join(filter(None, [f"there is no {what} {shown(name)}", hint])))
