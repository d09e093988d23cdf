"""The option that an answer settles on: a label such as B, or an option in words.

Evidence is read from the strongest to the weakest: a final answer, a sentence that gives the answer, the first word,
the last line or the bold text, and any mention. The first kind that occurs decides, if all of it names one option.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.plain_text import folded, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FINAL = r"(?:\bfinal (?:answer|choice|decision)\b|####|\\boxed\{)"
_ANSWER = (
    r"(?:\b(?:(?:correct|right|best) )?(?:answer|choice|solution|response|antwort|lösung|réponse|respuesta|risposta"
    r"|resposta|antwoord)\b|\b(?:correct|right|best|richtige|korrekte|bonne|correcta|giusta|correta|juiste)"
    r" (?:one|option|letter|opción|opzione|opção|optie)\b|\b(?:i|we)(?:'d| would)? (?:choose|pick|select|go with"
    r"|say)\b"
    r"|答案|正解|答え)(?: (?:here|in this case|to (?:this|the) question))?"
)
_SO = r"(?:\b(?:it|this|that)(?='s|\s+(?:is|must|should|has))|\b(?:so|therefore|thus|hence|also|donc)\b)"
_IS = (
    r"(?:[^\w\n]|\b(?:is|are|would be|should be|must be|has to be|'s|s|be|ist|lautet|wäre|est|es|è|é|sería|clearly"
    r"|definitely|therefore|thus|option|choice|letter|number|opción|opzione|opção|optie|die|der|das|the|la|le|el|il"
    r"|text|mathrm|textbf)\b|是|为|選|选|は)*?"
)
_IS_SAID = (
    r"\W*(?:\b(?:is|are|would be|should be|must be|ist|lautet|est|es|è|é)\b|:|=|'s\b|是|为)\W*"
    r"(?:(?:clearly|definitely|option|the|a|an)\b\W*)*"
)
_AFTER_LABEL = r"(?!\w|[.,]\d|'[a-z]|-\w)"
# After a label that is also a word, as "A" and "I" are: an end, a mark, or a word that cannot follow an article.
_NO_ARTICLE = (
    r"(?=\s*(?:$|[).,:;\]}\"!/&\n]|-\s)|\s+(?:because|since|as|is|was|due|which|denn|weil|da|ist|parce|car|est|porque"
    r"|es|perché|è|omdat|and|or|oder|und|ou|et|o|y)\b)"
)
_NOT = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|nicht|kein\w*|pas|no|non|não|niet|geen|except|rather than|instead of)\b"
    r"|n't\b|不)(?:\W+\w+){0,4}\W*$",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"[)\]:.\"']*(?:(?!\b(?:because|since|as|while|whereas|and|but|[A-Z])\b)[^.,;\n]){0,60}?"
    r"\b(?:is|are|was|would be|ist|wäre|est|es|è|é)\s+(?:also\s+|clearly\s+)?"
    r"(?:not|wrong|incorrect|false|out|nicht|falsch|faux|fausse|falso|falsa|incorrecta?|sbagliat[ao]|fout)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"[,;:!?()\n]|\.(?=\s)|\b(?:but|because|since|sondern|aber|mais|sino|pero|ma|mas|maar)\b", re.IGNORECASE
)
# An answer of one plain sentence, up to the option that it ends with: "The sentiment is positive."
_ONE_SENTENCE = (
    r"[^\n.,;!?]{1,80}(?:\b(?:is|are|ist|sind|lautet|est|sont|es|son|è|sono|é|são|zijn|as|als)\b|[:=])"
    r"\W*(?:(?:an?|the|eine?|der|die|das|une?|la|le|una?|um|uma|een)\b\W*)?"
)
_HEDGE = re.compile(
    r"\b(?:not|never|neither|nor|no|or|either|maybe|perhaps|may|might|could|hardly|nicht|keine?|oder|weder|vielleicht"
    r"|pas|ni|ou|peut-être|ni|o|quizás|non|né|forse|não|nem|niet|geen|misschien)\b|n't\b",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(?<![*\w])\*\*([^*\n]{1,200})\*\*|(?<!\w)__([^_\n]{1,200})__(?!\w)")
_OPTION = re.compile(
    r"(?:^|(?<=\s))\(?([A-Za-z]|\d{1,2})[).:]\s+(.+?)(?=\s+\(?(?:[A-Za-z]|\d{1,2})[).:]\s|\s*$)", re.MULTILINE
)
_MARKUP = re.compile(r"[*`_]+|\\(?:text|mathrm|textbf)\{")


class Settled(NamedTuple):
    """The option that an answer settles on, or None, and the options that it names."""

    choice: str | None
    named: tuple[str, ...]


class _Named(NamedTuple):
    name: str
    begin: int
    end: int


def options_of(prompt: str) -> Mapping[str, str]:
    """Return the options that a prompt lists, by label; empty if it lists none, or not from the first label on.

    >>> options_of("How long? A) 14 days B) 30 days")
    {'A': '14 days', 'B': '30 days'}
    """
    return dict(_options_of(prompt))


@lru_cache(maxsize=8)
def _options_of(prompt: str) -> tuple[tuple[str, str], ...]:
    found = [(one[1].upper(), one[2].strip(" ,;")) for one in _OPTION.finditer(plain(prompt))]
    for start in range(len(found) - 1, -1, -1):
        if found[start][0] in ("A", "1"):
            listed = found[start:]
            labels = [label for label, _ in listed]
            wanted = [str(at + 1) if labels[0] == "1" else chr(ord("A") + at) for at in range(len(labels))]
            return tuple(listed) if len(listed) > 1 and labels == wanted else ()
    return ()


def settled_choice(text: str, choice: str, options: Mapping[str, str]) -> Settled:
    """Return the option that a text settles on, in the writing of the expected choice if it is that one."""
    wanted = next((label for label, words in options.items() if folded(words) == folded(choice)), choice)
    if not re.fullmatch(r"[A-Za-z]|\d{1,2}", wanted):
        return _settled_words(text, choice)
    settled = _settled_label(text, wanted.upper(), options)
    return settled._replace(choice=choice) if settled.choice == wanted.upper() else settled


def _settled_label(text: str, wanted: str, options: Mapping[str, str]) -> Settled:
    bare = _without_markup(text)
    kind = r"\d{1,2}" if wanted.isdigit() else "[A-Za-z]"
    levels: tuple[Callable[[], list[_Named]], ...] = (
        lambda: _marked(_FINAL, kind, bare),
        lambda: [*_marked(f"(?:{_ANSWER}|{_SO})", kind, bare), *_called_right(kind, bare)],
        lambda: _prominent(text, bare, kind),
        lambda: _mentioned(bare, kind),
        lambda: _in_words(bare, options),
    )
    named: dict[str, None] = {}
    for level in levels:
        found = [each for each in level() if not options or each.name in options]
        stated = [each for each in found if not _is_denied(bare, each)]
        named.update(dict.fromkeys(each.name for each in stated))
        others = [other for each in stated if (other := _alternative(bare, each, kind))]
        named.update(dict.fromkeys(others))
        if others or len({each.name for each in stated}) > 1:
            return Settled(None, tuple(named))
        if stated:
            contradicts = any(_has_words_of_another(bare, each, options) for each in stated)
            return Settled(None if contradicts else stated[0].name, tuple(named))
    return Settled(None, tuple(named))


def _without_markup(text: str) -> str:
    return _MARKUP.sub("", plain(text)).strip()


def _label(kind: str) -> str:
    """Return the pattern of a label in a strong place: in capitals, or in small letters that nothing follows."""
    if kind != "[A-Za-z]":
        return rf"(?P<label>{kind}){_AFTER_LABEL}"
    capital = rf"(?:[B-HJ-Z]{_AFTER_LABEL}|[AI]{_AFTER_LABEL}{_NO_ARTICLE})"
    return rf"(?P<label>{capital}|[a-z](?=\s*[)\]\"'}}]|[.!]?\s*(?:$|\n)))"


def _marked(mark: str, kind: str, text: str) -> list[_Named]:
    return _all(rf"(?i:{mark}{_IS})(?<![A-Za-z0-9'])[(\[\"']*{_label(kind)}", text)


def _called_right(kind: str, text: str) -> list[_Named]:
    right = (
        r"(?i:correct|right|the best|the (?:correct |right )?(?:answer|solution)|richtig|korrekt|correcte?|juste"
        r"|correcta"
        r"|giusta|corretta)"
    )
    return _all(rf"(?<![\w'-]){_label(kind)}[)\]\"']*\s+(?:is|ist|est|es|è|é)\s+{right}\b", text)


def _prominent(text: str, bare: str, kind: str) -> list[_Named]:
    """Return the labels at the beginning, alone on a line, and in bold; those of a list of options are not."""
    end = r"(?=[)\].,:;\"'!]|\s*$|\s+-|\s+[a-z])"
    begins = _all(rf"^[ \t]*[-(\[\"']*(?:(?i:option|choice)[ \t]+)?{_label(kind)}{end}", bare)
    alone = [each for each in begins if re.compile(r"[)\].\"'! \t]*$", re.MULTILINE).match(bare, each.end)]
    bold = [label for found in _BOLD.finditer(plain(text)) for label in _bold_label(found[1] or found[2], bare, kind)]
    if len({each.name for each in begins}) > 1:
        return [*alone, *bold]
    first = [each for each in begins if "\n" not in bare[: each.begin]]
    return [*first, *alone, *bold]


def _bold_label(bold: str, bare: str, kind: str) -> Iterator[_Named]:
    """Yield the label at the beginning of bold text, at its place in the text without markup."""
    if found := re.match(rf"\W*(?:(?i:option|choice|answer)\W+)?{_label(kind)}(?=[)\].,:;\"'!]|\s*$)", bold):
        at = bare.find(_without_markup(bold))
        begin = max(at, 0) + found.start("label")
        yield _Named(found["label"].upper(), begin, begin + len(found["label"]))


def _mentioned(text: str, kind: str) -> list[_Named]:
    marked = (
        rf"(?:(?i:\boption|\bchoice|\bantwort|\bopción)[ \t]+[(\"']*{_label(kind)}"
        rf"|\((?P<inside>{kind})\)|(?<![\w'(-])(?P<before>{kind})\)(?!\w))"
    )
    found = [
        _Named((each["label"] or each["inside"] or each["before"]).upper(), each.start(), each.end())
        for each in re.finditer(marked, text)
    ]
    if found or len(text.split()) > 8:
        return found
    if re.fullmatch(rf"\W*{kind}(?:\W+{kind})*\W*", text):  # nothing but labels, so A is not an article
        return _all(rf"(?<!\w)(?P<label>{kind})(?!\w)", text)
    return _all(rf"(?<![\w'-]){_label(kind)}", text)


def _in_words(text: str, options: Mapping[str, str]) -> list[_Named]:
    """Return the options whose words occur; the longest counts where one option holds the words of another."""
    labels = {folded(words).strip(" ."): label for label, words in options.items() if words.strip(" .")}
    if not labels:
        return []
    # Places in the text are needed, so case is ignored only where it keeps them.
    small = next(form for form in (folded(text), text.lower(), text) if len(form) == len(text))
    words = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
    found = re.finditer(rf"(?<!\w)(?<!\d[.,])(?:{words})(?!\w)(?![.,]\d)", small)
    return [_Named(labels[each[0]], each.start(), each.end()) for each in found]


def _all(expression: str, text: str) -> list[_Named]:
    found = re.compile(expression, re.MULTILINE).finditer(text)
    return [_Named(each["label"].upper(), each.start("label"), each.end("label")) for each in found]


def _is_denied(text: str, named: _Named) -> bool:
    clause = _CLAUSE_END.split(text[max(0, named.begin - 80) : named.begin])[-1]
    return bool(_NOT.search(clause) or _WRONG.match(text, named.end))


def _alternative(text: str, named: _Named, kind: str) -> str:
    """Return another label that stands beside one, as in A or B, A and B, A/B and A, B; "" if there is none."""
    after = text[named.end : named.end + 40]
    before = r"(?:(?i:option|choice|antwort)\s+)?[(\"']*"
    words = rf"[)\]\"']*\s*,?\s*(?:or|and|oder|und|ou|et|o|y|e|of|en|/|&|\+)\s*{before}{_label(kind)}"
    comma = rf"[)\]\"']*,\s*{before}(?P<label>{kind})(?=[)\]\"']*\s*(?:$|[,.;]|and\b|or\b|und\b|oder\b))"
    found = re.match(words, after) or re.match(comma, after)
    if found is None or found["label"].upper() == named.name:
        return ""
    other = _Named(found["label"].upper(), named.end + found.start("label"), named.end + found.end("label"))
    return "" if _is_denied(text, other) else other.name


def _has_words_of_another(text: str, named: _Named, options: Mapping[str, str]) -> bool:
    after = folded(text[named.end : named.end + 200]).lstrip(" )].:-\"'\t")
    others = [folded(words).strip(" .") for label, words in options.items() if label != named.name]
    own = folded(options.get(named.name, "")).strip(" .")
    return any(words and after.startswith(words) and not (own and after.startswith(own)) for words in others)


def _settled_words(text: str, choice: str) -> Settled:
    bare, words = _without_markup(text), folded(choice).strip(" .")
    ends = rf"{re.escape(words)}(?!\w)"
    edge = r"(?=[)\]\"']*\s*(?:$|[.,:;!?}\n]|-\s|\s(?:because|since|as|denn|weil|car|parce|porque|perché|omdat)\b))"
    small = folded(bare)
    for mark in (_FINAL, _ANSWER):
        said = [each["words"].strip() for each in re.finditer(rf"{mark}{_IS_SAID}(?P<words>[^\n]{{1,200}})", small)]
        right = [each for each in said if re.match(rf"[(\[\"']*{ends}", each)]
        if said:
            alone = len(right) == len(said) and not any(_joins(each[len(words) :]) for each in right)
            return Settled(choice if alone else None, (choice,) if right else ())
    bold = {folded(found[1] or found[2]).strip(" .:!") for found in _BOLD.finditer(plain(text))}
    starts = re.match(rf"[(\[\"'-]*\s*{ends}{edge}", small)
    last = re.fullmatch(rf"[(\[\"'-]*\s*{ends}[)\]\"'.!]*", small.rsplit("\n", 1)[-1].strip())
    sentence = re.fullmatch(rf"(?P<before>{_ONE_SENTENCE}){ends}[)\]\"'.!]*", small.strip())
    settled = starts or last or bold == {words} or (sentence is not None and not _HEDGE.search(sentence["before"]))
    named = bool(settled) or bool(re.search(rf"(?<!\w){ends}", small))
    return Settled(choice if settled else None, (choice,) if named else ())


def _joins(after: str) -> bool:
    return bool(re.match(r"\s*,?\s*(?:or|and|oder|und|ou|et|o|y|/|&)\b", after))
