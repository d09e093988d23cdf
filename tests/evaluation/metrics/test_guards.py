"""Guards flag changes of meaning with both sides, and do not flag other differences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics.guards import flags

PIECES = st.sampled_from(
    [
        *(
            "not",
            "no",
            "can't",
            "1,000",
            "4.90",
            "-5",
            "9:00",
            "5 pm",
            "two",
            "1. ",
            "\n",
            ", ",
            ". ",
            "unused",
            "used",
        ),
        *("yes", "by", "was", "Alice", "sued", "Bob", "left", "right", "on", "off", "turn", "{", "}", "```json\n"),
        *("\n```", "\u9000\u6b3e", "\u0434\u0430", "\u00e9", "\u20ac", "%"),
    ]
)
WORDY = st.lists(PIECES | st.text(max_size=4), max_size=14).map(" ".join)


def found(control, treatment):
    return [(flag.name, flag.detail) for flag in flags(control, treatment)]


CHANGED = [
    # numbers
    ("42 euros", "24 euros", "number-changed", "control says 42, treatment says 24"),
    ("It is two days.", "It is three days.", "number-changed", "control says two, treatment says three"),
    ("The answer is 42.", "The answer is 24.", "number-changed", "control says 42, treatment says 24"),
    ("42", "43.0", "number-changed", "control says 42, treatment says 43.0"),
    ("20%", "30%", "number-changed", "control says 20, treatment says 30"),
    ("-5 degrees", "5 degrees", "number-changed", "control says -5, treatment says 5"),
    ("Version 1.2.3", "Version 1.2.4", "number-changed", "control says 1.2.3, treatment says 1.2.4"),
    ("5 to 7 days", "5 to 9 days", "number-changed", "control says 7, treatment says 9"),
    ('{"total": 42}', '{"total": 43}', "number-changed", "control says total = 42, treatment says total = 43"),
    ("from 9 am to 5 pm", "from 9 am to 6 pm", "number-changed", "control says 5 pm, treatment says 6 pm"),
    ("twenty-five days", "thirty-five days", "number-changed",
     "control says twenty-five, treatment says thirty-five"),
    ("two hundred guests", "two thousand guests", "number-changed",
     "control says two hundred, treatment says two thousand"),
    ("half of the orders", "a quarter of the orders", "number-changed", "control says half, treatment says quarter"),
    ("It weighs 2 kg.", "It weighs 2 lb.", "number-changed", "control says 2 kg, treatment says 2 lb"),
    ("free above 60 EUR", "free above $60", "number-changed", "control says 60 EUR, treatment says $60"),
    ("within 30 days of delivery", "within 30 minutes of delivery", "number-changed",
     "control says 30 days, treatment says 30 minutes"),
    ("at 9:30 am", "at 9:30 pm", "number-changed", "control says 9:30 am, treatment says 9:30 pm"),
    # negations
    ("approved", "not approved", "negation-flipped", "control says 'approved', treatment says 'not approved'"),
    ("You can return it.", "You can\u2019t return it.", "negation-flipped",
     "control says 'return', treatment says 'not return'"),
    ("You cannot return it.", "You can return it.", "negation-flipped",
     "control says 'not return', treatment says 'return'"),
    ("We ship to Canada.", "We no longer ship to Canada.", "negation-flipped",
     "control says 'ship', treatment says 'not ship'"),
    ("The item is available.", "The item is unavailable.", "negation-flipped",
     "control says 'available', treatment says 'unavailable'"),
    ("unused items", "used items", "negation-flipped", "control says 'unused', treatment says 'used'"),
    ("Smoking is not allowed", "Smoking is allowed", "negation-flipped",
     "control says 'not allowed', treatment says 'allowed'"),
    ("You do not need to pay.", "You need to pay.", "negation-flipped", "control says 'not pay', treatment says 'pay'"),
    ("Das Ger\u00e4t funktioniert.", "Das Ger\u00e4t funktioniert nicht.", "negation-flipped",
     "control says 'funktioniert', treatment says 'not funktioniert'"),
    ("Le remboursement est possible.", "Le remboursement n'est pas possible.", "negation-flipped",
     "control says 'possible', treatment says 'not possible'"),
    ("Coffee with sugar", "Coffee without sugar", "negation-flipped",
     "control says 'sugar', treatment says 'not sugar'"),
    ("You do not have 30 days.", "You have 30 days.", "negation-flipped",
     "control says 'not days', treatment says 'days'"),
    ("It is valid until Friday.", "It isn't valid until Friday.", "negation-flipped",
     "control says 'it is valid until friday', treatment says 'it isn t valid until friday'"),
    ("There were problems.", "There were no problems.", "negation-flipped",
     "control says 'problems', treatment says 'not problems'"),
    # opposites
    ("yes", "No.", "antonym", "control says 'yes', treatment says 'no'"),
    ("Increase the dose.", "Decrease the dose.", "antonym", "control says 'increase', treatment says 'decrease'"),
    ("Your claim was approved.", "Your claim was denied.", "antonym",
     "control says 'approved', treatment says 'denied'"),
    ("Turn the valve to the left.", "Turn the valve to the right.", "antonym",
     "control says 'left', treatment says 'right'"),
    ("Turn the lamp on.", "Turn the lamp off.", "antonym", "control says 'on', treatment says 'off'"),
    # order
    ("Alice sued Bob.", "Bob sued Alice.", "order-swapped",
     "control says 'alice sued bob', treatment says 'bob sued alice'"),
    ("Alice has sued Bob.", "Bob sued Alice.", "order-swapped",
     "control says 'alice sued bob', treatment says 'bob sued alice'"),
    ("Alice sued Bob", "Alice was sued by Bob", "order-swapped",
     "control says 'alice sued bob', treatment says 'alice was sued by bob'"),
    ("The red car hit the blue truck", "The blue truck hit the red car", "order-swapped",
     "control says 'red car hit blue truck', treatment says 'blue truck hit red car'"),
    ("First unplug the lamp, then remove the bulb.", "First remove the bulb, then unplug the lamp.", "order-swapped",
     "control says 'unplug the lamp' before 'remove the bulb', treatment after"),
    ("Save it before closing the window.", "After you close the window, save it.", "order-swapped",
     "control says 'save it' before 'closing the window', treatment after"),
    ("1. Drain it\n2. Open it\n3. Wait", "1. Open it\n2. Drain it\n3. Wait", "order-swapped",
     "control says 'drain it' before 'open it', treatment after"),
    ("Copy A to B.", "Copy B to A.", "order-swapped", "control says 'copy a to b', treatment says 'copy b to a'"),
    # another kind of answer
    ("I'm sorry, but I can't assist with that.", "The parcel arrives tomorrow.", "refusal-one-side",
     "control declines, treatment answers"),
    ("The parcel arrives tomorrow.", "I'm sorry, but I can't assist with that.", "refusal-one-side",
     "control answers, treatment declines"),
    ('{"a": 1}', '{"a": 1', "json-broken", "control is a JSON object, treatment does not parse as one"),
    ("[1, 2]", "1, 2", "json-broken", "control is a JSON array, treatment does not parse as one"),
    ("refund", "\u9000\u6b3e", "script-changed", "control writes Latin script, treatment writes Han script"),
    ("\u9000\u6b3e\u9700\u8981", "\u306f\u3044\u3001\u8fd4\u54c1", "script-changed",
     "control writes Han script, treatment writes Kana script"),
    ("It will arrive.", "\u041e\u043d\u043e \u043f\u0440\u0438\u0431\u0443\u0434\u0435\u0442.", "script-changed",
     "control writes Latin script, treatment writes Cyrillic script"),
    ("You can return the lamp and we will send you a label.",
     "Sie k\u00f6nnen die Lampe zur\u00fcckgeben und wir senden Ihnen ein Etikett.", "language-changed",
     "control answers in English, treatment in German"),
]  # fmt: skip

UNCHANGED = [
    # one number in two spellings, a number left out, a list marker, another unit
    ("It costs 42 euros.", "It costs \u20ac42."),
    ("The price is $4.90.", "The price is 4.9 USD."),
    ("It costs 1,000 EUR", "It costs 1000 EUR"),
    ("Es kostet 1.000 EUR", "It costs 1,000 EUR"),
    ("It costs 1.234,56 EUR", "It costs 1,234.56 EUR"),
    ("It costs 1\u202f000,5 EUR", "It costs 1000.50 EUR"),
    ("two days", "2 days"),
    ("20%", "20 percent"),
    ("twenty-five days", "25 days"),
    ("two hundred and fifty guests", "250 guests"),
    ("2 million users", "2,000,000 users"),
    ("half of the orders", "50% of the orders"),
    ("at 9 a.m.", "at 9:00"),
    ("at 12 am", "at 0:00"),
    ("It takes 24 hours, with a 2 year warranty.", "2 year warranty, and it takes 24 hours"),
    ("2 metres long", "2 m long"),
    ("The lamp weighs 2 kg.", "The lamp has a 2 year warranty."),
    ("Refunds take 5 working days.", "Refunds take 5 days."),
    ("until 5 pm", "until 17:00"),
    ("at 9:00", "at 9 am"),
    ("within 14 days", "within two weeks"),
    ("Refunds take 5 days.", "We sold 2 lamps."),
    ("1. Open it\n2. Wait 5 minutes", "Open it, then wait 5 minutes"),
    ("1. Open\n2. Close 3 doors", "1) Open\n- Shut 4 windows"),
    ("on 12.05.2024", "on 2024-05-12"),
    # the same denied in other words, a part denied, an idiom, something else denied
    ("The item is not available", "The item is unavailable"),
    ("It doesn't arrive until Friday.", "It arrives on Friday."),
    ("Rugs cannot be returned, unless faulty.", "Rugs can be returned if faulty."),
    ("It is not only cheap but also good.", "It is cheap and also good."),
    ("No problem, we will send it.", "We will send it."),
    ("We do not sell rugs. We sell lamps.", "We sell lamps."),
    ("My order no. 5 came.", "My order number 5 came."),
    ("Do not send money to strangers.", "We send the parcel tomorrow."),
    ("A T-shirt fits", "A shirt fits"),
    ("No", "Nothing fits"),
    ("unless you pay", "less if you pay"),
    ("The shop is uncomfortable in winter heat.", "A comfortable sofa, sold out."),
    ("You have 14 days, not 30 days.", "You have 14 days."),
    ("You have 14 and not 30 days.", "You have 14 days."),
    ("My order no 5 came.", "My order 5 came."),
    # opposites of two things, or denied
    ("The shop is not open.", "The shop is closed."),
    ("The driver left my parcel.", "You are right about the parcel."),
    ("A flip off a wave.", "A flip on a wave."),
    # order that does not matter
    ("Paris is the capital of France", "The capital city of France is Paris"),
    ("Paris is the capital of France.", "The capital of France is Paris."),
    ("apples, pears and plums", "plums, pears and apples"),
    ("He met her in Vienna", "Vienna he met her in"),
    ("In Vienna the shop opens at nine", "The shop opens at nine in Vienna"),
    ("Enable the flag before you restart.", "Restart after you enable the flag."),
    ("First wash it, then dry it.", "After you wash it, dry it."),
    ("Wash it. Then dry it.", "Once you wash it, dry it."),
    ("Do not open it before it has cooled.", "Open it after it has cooled."),
    ("Press red, then press blue, then press red.", "Press red, then press blue, then press red again."),
    ("1. Drain it\n2. Open it", "First drain it, then open it"),
    ("The parcel was sent by mail.", "The parcel arrived yesterday."),
    # another form of the same kind of answer
    ("I'm sorry, but I can't assist with that.", "Unfortunately I am unable to help with this request."),
    ('{"a": 1}', '```json\n{"a": 1}\n```'),
    ("```\ncode\n```", "code"),
    ("42 \u9000", "42 !"),
    ("\u2014 \u2026 \u2014 \u2026", "fine"),
    ("Voil\u00e0", "Voila"),
    ("", "anything"),
]


@pytest.mark.parametrize(("control", "treatment", "name", "detail"), CHANGED)
def test_guard_flags_a_change_with_both_sides(control, treatment, name, detail):
    """The pair is flagged once, and the detail quotes the control and the treatment."""
    assert found(control, treatment) == [(name, detail)]


@pytest.mark.parametrize(("control", "treatment"), UNCHANGED)
def test_guard_does_not_flag_another_wording(control, treatment):
    """Users switch off a guard that flags paraphrases."""
    assert found(control, treatment) == []
    assert found(treatment, control) == []


def test_guards_flag_one_pair_several_times():
    """Every guard that finds something reports it, in a fixed order."""
    assert [flag.name for flag in flags("Yes, 5 days are covered.", "No, 7 days are not covered.")] == [
        "number-changed",
        "negation-flipped",
        "antonym",
    ]


@given(WORDY, WORDY)
def test_guards_never_raise(control, treatment):
    """For any two texts the guards return flags with a name and a detail, at most one per guard."""
    names = [flag.name for flag in flags(control, treatment) if flag.detail]
    assert len(names) == len(set(names)) == len(flags(control, treatment))


@given(WORDY)
def test_guards_do_not_flag_equal_texts(text):
    """For any text; white space around it does not count."""
    assert flags(text, text) == ()
    assert flags(text, f" {text}\n") == ()


@pytest.mark.parametrize("text", ["9" * 6000, "9" * 6000 + " pm", "[" * 100_000, "not " * 3000, "a b " * 2000])
def test_guards_read_degenerate_answers(text):
    """A model in a loop produces absurd texts; the guards read them without error."""
    assert flags(text, "9 b a not") is not None
    assert flags("[1]", text) is not None


def test_order_guard_skips_long_clauses():
    """Two shufflings of one long clause are not an exchange of two parts, and the guard returns at once."""
    words = [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(300)]
    assert flags(" ".join(words), " ".join(reversed(words))) == ()


def test_number_guard_reads_lookalike_letters():
    """A dotless i matches an i where case is ignored; it once ended the comparison with a KeyError."""
    assert [flag.name for flag in flags("s\u0131x two 3 parcels", "four 5 parcels")] == ["number-changed"]
