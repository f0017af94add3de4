"""The sentences people read, one module a language. Keys are codes of reasons, findings and steps.

Not here: filling them in and choosing the language (``wording``).
"""

from __future__ import annotations

import difflib
import string
from collections.abc import Iterator, Mapping

from sla_engine.texts import english, german

_LISTS = {"weekdays": 7, "months": 12}
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": english.TEXTS, "de": german.TEXTS}


def text_problems(own: Mapping[str, str]) -> list[str]:
    """What is wrong with an agreement's own texts: unknown codes, or values their sentence has not got.

    >>> text_problems({"nurtur": "wait"})
    ['texts.nurtur: there is no such text, did you mean "nurture"?']
    """
    problems = []
    for code, text in own.items():
        original = LANGUAGES["en"].get(code)
        if original is None:
            near = difflib.get_close_matches(code, LANGUAGES["en"], 1)
            hint = f', did you mean "{near[0]}"?' if near else ""
            problems.append(f"texts.{code}: there is no such text{hint}")
        elif code in _LISTS and len(text.split()) != _LISTS[code]:
            problems.append(f"texts.{code}: needs {_LISTS[code]} words")
        else:
            problems += [f"texts.{code}: {problem}" for problem in _template_problems(text, original)]
    return problems


def _template_problems(text: str, original: str) -> Iterator[str]:
    allowed = {name for _, name, _, _ in string.Formatter().parse(original)} - {None}
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        yield str(error)
        return
    for _, name, form, conversion in parts:
        if name is not None and name not in allowed:
            yield f"there is nothing to put in for {{{name}}}"
        elif form or conversion:
            yield f"{{{name}}} stands alone, without `:` or `!`"
