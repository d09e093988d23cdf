"""Numbers that prove themselves: IBANs and card numbers."""

from __future__ import annotations

from collections import defaultdict

# How long an IBAN of each country is, by the registry of ISO 13616.
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)


def iban_pattern() -> str:
    """Return a regular expression for what has the length of an IBAN of its country, in groups or in one."""
    of_length = defaultdict(list)
    for entry in _IBAN_LENGTHS.split():
        of_length[int(entry[2:])].append(entry[:2])
    ways = (
        rf"(?:{'|'.join(countries)})\d\d(?:[ -]?[A-Za-z\d]){{{length - 4}}}"
        for length, countries in sorted(of_length.items())
    )
    return rf"(?i:{'|'.join(ways)})\b"


def fits_iban(compact: str) -> bool:
    """Tell whether an IBAN, without spaces, has the right check digits (ISO 7064, mod 97-10)."""
    turned = compact[4:] + compact[:4]
    return compact.isascii() and int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def fits_luhn(digits: str) -> bool:
    """Tell whether the last digit of a card number is the right one (ISO/IEC 7812-1)."""
    doubled = (2 * int(digit) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0
