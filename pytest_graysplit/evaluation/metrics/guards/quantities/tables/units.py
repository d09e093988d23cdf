"""Units of eight languages by their dimension, in one base unit, and the currencies."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pytest_graysplit.evaluation.metrics.words import word_set

MINUTE_S, HOUR_S, DAY_S, WEEK_S = 60.0, 3600.0, 86400.0, 604800.0
# Months differ in length, so they are counted apart from seconds; `reading` knows that 3 months are about 90 days.
MONTHS = "months"
TIME, MONEY, PERCENT, TIMES, TEMPERATURE = "time", "money", "percent", "times", "temperature"


class Unit(NamedTuple):
    """A unit: its dimension, the system in which two values can be equal, and its size there."""

    kind: str
    system: str
    size: float


_BY_SIZE: dict[str, dict[float, str]] = {
    TIME: {
        0.001: "ms millisecond milliseconds millisekunden millisecondes milisegundos millisecondi milissegundos"
        " milliseconden 毫秒",
        1: "s sec secs second seconds sekunde sekunden sek seconde secondes segundo segundos secondo secondi seconden"
        " 秒 秒钟",
        MINUTE_S: "min mins minute minutes minuten minuto minutos minuti minuut 分钟 分鐘",
        HOUR_S: "h hr hrs hour hours stunde stunden std heure heures hora horas ora ore uur uren 小时 小時 个小时"
        " 個小時 钟头 个钟头",
        DAY_S: "d day days tag tage tagen tages jour jours día días dia dias giorno giorni dag dagen 天 日 日内"
        " workday workdays werktag werktage werktagen arbeitstag arbeitstage arbeitstagen werkdag werkdagen night"
        " nights nacht nächte nächten nuit nuits noche noches notte notti noite noites nachten 个工作日 工作日 夜"
        " kalendertage kalendertagen",
        WEEK_S: "wk wks week weeks woche wochen semaine semaines semana semanas settimana settimane weken 周 週 星期"
        " 个星期 個星期 个礼拜",
        2 * WEEK_S: "fortnight fortnights",
    },
    "length": {
        1e-9: "nm", 1e-6: "µm", 0.001: "mm millimetre millimetres millimeter millimeters milímetros millimètres"
        " millimetri 毫米",
        0.01: "cm centimetre centimetres centimeter centimeters zentimeter zentimetern centimètre centimètres"
        " centímetro centímetros centimetro centimetri 厘米 公分",
        1: "m metre metres meter meters metern mètre mètres metro metros metri 米 公尺",
        1000: "km kilometre kilometres kilometer kilometers kilometern kilomètre kilomètres kilómetro kilómetros"
        " chilometro chilometri quilómetro quilômetro quilómetros quilômetros 公里 千米",
        0.0254: "inch inches zoll pouce pouces pulgada pulgadas pollice pollici polegada polegadas duim 英寸",
        0.3048: "ft foot feet", 0.9144: "yd yard yards",
        1609.344: "mi mile miles meile meilen milla millas miglio miglia milha milhas mijl 英里",
    },
    "mass": {
        1e-9: "µg mcg microgram micrograms mikrogramm microgrammes microgramos 微克",
        1e-6: "mg milligram milligrams milligramm milligramme milligrammes miligramo miligramos milligrammo milligrammi"
        " miligrama miligramas 毫克",
        0.001: "g gr gram grams gramm gramme grammes gramo gramos grammo grammi grama gramas 克",
        1: "kg kgs kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos chilo chili"
        " chilogrammi quilo quilos quilograma quilogramas 公斤 千克",
        0.5: "pfund 斤", 0.45359237: "lb lbs libra libras libbre livres", 0.028349523: "oz ounce ounces unze unzen",
        1000: "t ton tons tonne tonnes tonnen tonelada toneladas tonnellata tonnellate 吨",
    },
    "volume": {
        0.001: "ml millilitre millilitres milliliter milliliters millilitern mililitro mililitros millilitri 毫升",
        0.01: "cl centilitre centiliter zentiliter", 0.1: "dl deciliter decilitre deziliter",
        1: "l ltr litre litres liter liters litern litro litros litri 升 公升", 100: "hl",
        3.785411784: "gal gallon gallons gallone gallonen", 0.473176473: "pint pints",
        0.2365882365: "cup cups", 0.01478676: "tbsp tablespoon tablespoons", 0.00492892: "tsp teaspoon teaspoons",
    },
    "data": {
        1e-6: "byte bytes", 1e-3: "kb kilobyte kilobytes", 1: "mb megabyte megabytes megaoctets mo",
        1e3: "gb gigabyte gigabytes gigaoctets go", 1e6: "tb terabyte terabytes", 1e9: "pb petabyte petabytes",
        1.048576: "mib", 1073.741824: "gib", 1.024e-3: "kib",
    },
    "data rate": {1e-3: "kbps kbit/s", 1: "mbps mbit/s mb/s", 1e3: "gbps gbit/s"},
    "area": {1: "m2 sqm quadratmeter qm 平方米 平米", 1e4: "ha hectare hectares hektar", 1e6: "km2",
             0.09290304: "sqft", 4046.856: "acre acres"},
    "speed": {1: "km/h kmh kph", 1.609344: "mph", 3.6: "m/s"},
    "power": {1e-3: "mw", 1: "w watt watts", 1e3: "kw kilowatt kilowatts", 1e6: "megawatt megawatts", 735.5: "ps hp"},
    "energy": {1: "wh", 1e3: "kwh", 1e6: "mwh gwh"},
    "nutrition": {1: "kcal calories kalorien calorías calorie caloria calorias", 0.239006: "kj"},
    "voltage": {1: "v volt volts", 1e-3: "mv", 1e3: "kv"},
    "current": {1: "amp amps ampere ampère", 1e-3: "ma"}, "charge": {1: "mah", 1e3: "ah"},
    "frequency": {1: "hz hertz", 1e3: "khz", 1e6: "mhz", 1e9: "ghz"},
    "pressure": {1: "bar", 1e-3: "mbar hpa", 1e-5: "pa", 0.01: "kpa", 0.0689476: "psi"},
    "loudness": {1: "db dezibel decibel decibels"}, "pixels": {1: "px pixel pixels"},
    MONTHS: {
        1: "month months monat monate monaten mois mes meses mese mesi mês maand maanden 个月 個月 月",
        3: "quartal quartale quartalen",
        12: "yr yrs year years jahr jahre jahren an ans année années año años anno anni ano anos jaar 年",
        120: "decade decades jahrzehnt jahrzehnte", 1200: "century centuries jahrhundert",
    },
    PERCENT: {
        1: "% percent prozent pourcent percento procent 百分点",
        0.1: "‰ promille",
    },
    TIMES: {1: "times time mal fois vez veces volta volte vezes keer maal x \u00d7 次 遍 回 倍"},
}  # fmt: skip
# The words of one currency; words that several currencies share name the most common one and those that it may be.
_CURRENCIES = {
    "EUR": "€ eur euro euros 欧元 歐元",
    "USD": "us$ usd $ dollar dollars dollari dólar dólares 美元 美金",
    "GBP": "£ gbp sterling libras-esterlinas 英镑 英鎊",
    "CHF": "chf franken sfr fr. francs franc franchi franco francos frank 瑞士法郎",
    "JPY": "jpy yen ¥ 日元 日圆",
    "CNY": "cny rmb yuan ¥ 元 块 块钱 人民币 圆",
    "INR": "₹ inr rs rupee rupees",
    "BRL": "r$ brl reais real",
    "CAD": "c$ ca$ cad $ dollar dollars",
    "AUD": "a$ au$ aud $ dollar dollars",
    "SEK": "sek", "NOK": "nok", "DKK": "dkk", "PLN": "pln zł zloty", "CZK": "czk", "HUF": "huf", "TRY": "₺ try",
    "MXN": "mxn $ peso pesos", "KRW": "₩ krw won", "RUB": "₽ rub rubles", "BTC": "btc bitcoin bitcoins",
}  # fmt: skip
_CENTS = word_set("cent cents ct cts pence céntimos centimes cêntimos centesimi")
CURRENCY_MARKS = "€$£¥₹₺₩₽"
# These words stand between a number and its unit: "5 working days", "2 full weeks".
QUALIFIERS = word_set(
    "working business calendar consecutive full whole more further additional volle vollen weitere weiteren ganze"
    " ganzen extra square cubic"
)
TWICE = {
    "twice": 2, "thrice": 3, "once": 1, "zweimal": 2, "dreimal": 3, "viermal": 4, "einmal": 1, "tweemaal": 2,
    "driemaal": 3, "doppelt": 2, "doppelte": 2, "dreifach": 3, "double": 2, "triple": 3, "doble": 2, "doppio": 2,
    "dobro": 2, "dubbel": 2, "dubbele": 2, "triplo": 3, "quadruple": 4, "verdoppelt": 2, "doubled": 2, "tripled": 3,
    "doubles": 2, "triples": 3, "fünfmal": 5, "sechsmal": 6,
}  # fmt: skip
# These are a half only before a unit: "media hora", "mezza giornata".
HALVES_OF_UNITS = word_set("media medio mezza mezzo mezz meia meio")
# "Once" is mostly a conjunction, and "einmal" an adverb.
VAGUE_TIMES = word_set("once einmal doppelt")
FRACTIONS = {
    **dict.fromkeys(HALVES_OF_UNITS, 2),
    **dict.fromkeys(word_set("half halb halbe halben halber halbes hälfte demi demie moitié mitad metà metade helft"
                    " halve 一半"), 2),
    **dict.fromkeys(word_set("third thirds drittel tiers tercio tercios terzo terzi terço terços derde"), 3),
    **dict.fromkeys(word_set("quarter quarters viertel quart quarts cuarto cuartos quarti kwart"), 4),
    **dict.fromkeys(word_set("fifth fifths fünftel cinquième quinto"), 5),
}  # fmt: skip
ADVERBS = {
    **dict.fromkeys(word_set("hourly stündlich horaire"), (TIME, HOUR_S)),
    **dict.fromkeys(word_set("daily täglich quotidien quotidienne quotidiennement diario diaria diariamente giornaliero"
                    " quotidianamente diário diária dagelijks dagelijkse tägliche nightly"), (TIME, DAY_S)),
    **dict.fromkeys(word_set("weekly wöchentlich hebdomadaire semanal semanalmente settimanale settimanalmente"
                    " wekelijks wekelijkse wöchentliche"), (TIME, WEEK_S)),
    **dict.fromkeys(word_set("monthly monatlich mensuel mensuelle mensuellement mensual mensualmente mensile"
                    " mensilmente mensal mensalmente maandelijks maandelijkse monatliche"), (MONTHS, 1.0)),
    **dict.fromkeys(word_set("quarterly vierteljährlich trimestriel trimestral"), (MONTHS, 3.0)),
    **dict.fromkeys(word_set("yearly annually annual jährlich annuel annuelle annuellement anual anualmente annuale"
                    " annualmente jaarlijks jaarlijkse jährliche"), (MONTHS, 12.0)),
}  # fmt: skip
PER = word_set("per pro par por al am each every jeden jede jedes chaque cada ogni elke iedere alle je 每")


@cache
def units() -> dict[str, tuple[Unit, ...]]:
    """Return the units of each word; "pound" is a mass and a currency."""
    found: dict[str, tuple[Unit, ...]] = {}
    for kind, sizes in _BY_SIZE.items():
        for size, words in sizes.items():
            for word in words.split():
                found[word] = (Unit(kind, kind, size),)
    for code, words in _CURRENCIES.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), Unit(MONEY, code, 1.0))
    found |= dict.fromkeys(_CENTS, tuple(Unit(MONEY, code, 0.01) for code in ("EUR", "USD", "GBP")))
    pounds = (Unit("mass", "mass", 0.45359237), Unit(MONEY, "GBP", 1.0))
    return found | dict.fromkeys(("pound", "pounds"), pounds)


@cache
def currency_codes() -> frozenset[str]:
    """Return the words that name a currency before its amount: "EUR 49", "US$ 49"."""
    return frozenset(word for words in _CURRENCIES.values() for word in words.split()) - word_set("real won try fr. rs")


@cache
def chinese_units() -> tuple[str, ...]:
    """Return the units that are written in Chinese, the longest first."""
    return tuple(sorted((word for word in units() if word[0] > "\u3400"), key=len, reverse=True))
