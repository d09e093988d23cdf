"""The language of a text, for words that are a number or a unit in one language and something else in another."""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache

from pytest_graysplit.evaluation.metrics.guards.quantities.tables import number_words
from pytest_graysplit.evaluation.metrics.words import LANGUAGE_OF, word_set

# Nouns beside numbers, for texts that are too short to have function words.
_NOUNS = {
    "English": "day days week weeks month months year years hour hours minutes euros dollars people times",
    "German": "tag tage tagen woche wochen monat monate monaten jahr jahre jahren stunde stunden minuten zeichen",
    "French": "jour semaine semaines mois année années heure heures personnes caractères au à l'",
    "Spanish": "día días semana semanas mes meses año años hora horas minutos personas veces",
    "Italian": "giorno giorni settimana settimane mese mesi anno anni ora ore minuti persone volte caratteri",
    "Portuguese": "dia dias semana semanas mês meses ano anos hora horas minutos pessoas vezes",
    "Dutch": "dag dagen week weken maand maanden jaar uur uren minuten personen tekens keer",
}


@cache
def _hints() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {word: (language,) for word, language in LANGUAGE_OF.items()}
    for language, words in _NOUNS.items():
        for word in word_set(words):
            found[word] = (*found.get(word, ()), language)
    for language, numbers in number_words.words_of_languages().items():
        for word in numbers:
            found[word] = (*found.get(word, ()), language)
    return {word: languages for word, languages in found.items() if not number_words.is_ambiguous(word)}


@lru_cache(maxsize=64)
def languages_of(words: frozenset[str]) -> frozenset[str]:
    """Return the most likely languages of a text with these words; none if no word tells."""
    hints = _hints()
    votes = Counter(language for word in words & hints.keys() for language in hints[word])
    most = max(votes.values(), default=0)
    return frozenset(language for language, count in votes.items() if count == most)
