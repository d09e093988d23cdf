"""Detection of a reply that declines as a whole."""

from __future__ import annotations

import re
from functools import cache

# A long reply that opens with a refusal usually goes on to help. It is an answer, and its checks decide.
_LONGEST = 600

# Every pattern ends in an object without content: "I can't help with that" declines, "I can't find your order" is an
# answer. The rest of the sentence must end or explain the clause, so "I can't help with that until you pay" is an
# answer too.
_END = r"(?=\ ?(?:[.!,;:\u2013\u2014\n]|$|because\ |as\ |since\ |at\ this\ time))"
_ENGLISH = r"""
    (?:(?:(?:i|we)(?:'?m|\ am|'re|\ are)\ (?:\w+\ )?sorry|sorry|unfortunately
       |i\ apologi[sz]e|(?:my\ )?apologies|as\ an\ ai)
       [^.!?\n]{0,90}?[,.]?\ )?? (?:but\ )?
    (?:i|we)
    (?:\ must\ decline
      |(?:\ am|\ are|'m|'re)?(?:\ simply|\ just|\ really|\ unfortunately)?
       \ (?:can'?t|cannot|can\ not|won't|will\ not|unable\ to|not\ able\ to
         |(?:must\ |have\ to\ )?decline\ to)
       (?:\ be\ able\ to)?
       \ (?:(?:assist|help)(?:\ you)?(?:\ (?:with|on|in)\ THING)?
           |comply(?:\ with\ THING)?
           |(?:fulfil+|answer|do|discuss|process|complete|engage\ with|respond\ to|continue\ with)\ THING
           |(?:provide|share|give|create|generate|produce|write)(?:\ you)?\ (?:that|this|such|the\ requested)
            (?:\ (?:kind|type|sort)\ of)?(?:\ (?:information|content|material|advice|instructions))?))
"""
_THING = r"""
    (?:that|this|it|(?:this|that|these|those|your|the|such|any|an?)
       \ (?:(?:kind|type|sort)\ of\ )?(?:\w+\ )?(?:requests?|questions?|topics?|tasks?|content))
"""
_GERMAN = r"""
    (?:(?:es\ )?tut\ mir\ (?:sehr\ )?leid|leider|entschuldigung)?[,.]?\ ?(?:aber\ )?
    (?:OBJECT\ kann|ich\ kann|kann)\ (?:ich\ )?(?:(?:dir|ihnen|leider|OBJECT)\ ){0,3}
    nicht\ (?:weiter\ ?)?(?:helfen|behilflich\ sein|beantworten|bearbeiten|erfüllen|nachkommen)
""".replace("OBJECT", r"(?:dabei|damit|hierbei|das|(?:bei\ )?diese[rs]?\ (?:anfrage|frage))")
_FRENCH = r"""
    (?:(?:je\ suis\ )?(?:vraiment\ )?désolée?|je\ regrette|malheureusement)?[,.]?\ ?(?:mais\ )?
    je\ (?:ne\ )?(?:peux|suis)\ pas\ (?:en\ mesure\ de\ )?
    (?:(?:vous\ |t')?aider(?:\ (?:avec|pour|sur)\ (?:cela|ça|cette\ (?:demande|question)))?
      |(?:répondre|accéder)\ à\ (?:cela|(?:cette|votre)\ (?:demande|question)))
"""
_SPANISH = r"""
    (?:lo\ siento|lo\ lamento|disculpa|lamentablemente)?[,.]?\ ?(?:pero\ )?no\ puedo
    \ (?:ayudar(?:te|le|lo)?(?:\ (?:con|en)\ (?:eso|esto|est?a\ (?:solicitud|petición)|ello))?
      |(?:cumplir(?:\ con)?|responder\ a?|atender)\ (?:eso|esto|(?:est?a|tu|su)\ (?:solicitud|petición|pregunta)))
"""
# Every pattern contains one of these words ("can't" is "can" and "t"), so a text without them is not searched. Python's
# IGNORECASE takes the letters of the second line for "i" and "s".
TELLING_WORDS = frozenset(
    {
        *("t", "cant", "cannot", "not", "unable", "decline", "must", "nicht", "pas", "puedo"),
        *("decl\u0131ne", "mu\u017ft", "n\u0131cht", "pa\u017f"),
    }
)


# Compiled on first use: compiling takes as long as a hundred pairs of answers, and few runs need it.
@cache
def _refusal() -> re.Pattern[str]:
    english = _ENGLISH.replace("THING", _THING)
    return re.compile(
        rf"[\s>*_\"'\u201c\u201e\u00ab]*(?:{english}|{_GERMAN}|{_FRENCH}|{_SPANISH}){_END}",
        re.IGNORECASE | re.VERBOSE,
    )


def is_refusal(text: str) -> bool:
    """Tell whether the text as a whole declines to answer; False in doubt.

    >>> is_refusal("I'm sorry, but I can't assist with that.")
    True
    >>> is_refusal("I'm sorry to hear that. You can return it within 30 days.")
    False
    """
    return len(text) <= _LONGEST and _refusal().match(text.replace("\u2019", "'")) is not None
