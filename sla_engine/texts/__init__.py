"""The sentences people read, one module a language. Keys are codes of reasons, findings and steps."""

from __future__ import annotations

import string
from collections.abc import Mapping

from sla_engine.texts import english, german

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": english.TEXTS, "de": german.TEXTS}


def text_problems(own: Mapping[str, str]) -> list[str]:
    """What is wrong with an agreement's own texts: unknown codes, or values their sentence has not got."""
    problems = []
    for code, text in own.items():
        original = LANGUAGES["en"].get(code)
        if original is None:
            problems.append(f"texts.{code}: there is no such text")
            continue
        try:
            extra = _names(text) - _names(original)
        except ValueError as error:
            problems.append(f"texts.{code}: {error}")
            continue
        problems += [f"texts.{code}: there is nothing to put in for {{{name}}}" for name in sorted(extra)]
    return problems


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
