import subprocess
from pathlib import Path

import pytest

from pytest_graysplit import App

PROGRAM = Path(__file__).with_name("summarise.mjs")
# A mail by its topic, which is a word that the summary must have.
MAILS = {
    "money": "I ordered the Aurora lamp three weeks ago as a birthday present. It came late and one foot was "
    "scratched. I called twice and nobody rang back. I do not want another one, I want my money.",
    "neighbour": "Your driver left my rug with a neighbour I do not know. It took me two days to find it. The rug is "
    "lovely, but please ring the bell next time.",
    "dimmer": "The dimmer hums at low light. I tried three different bulbs and the hum stays. Can you send a new one?",
    "catalogue": "Please stop the paper catalogue. I get two each month, at two addresses, and I only order online.",
    "invoice": "Order 50017 was sent to my office, but the invoice has my home address. Our accountant needs the "
    "office on it.",
    "crack": "The glass of the Halo pendant was cracked when I opened the box. It was order 61150.",
}


@pytest.mark.graysplit
@pytest.mark.parametrize("topic", MAILS)
def test_summary(graysplit_app: App, topic):
    command = ["node", PROGRAM]
    done = subprocess.run(command, input=MAILS[topic], capture_output=True, text=True, timeout=300, check=True)
    graysplit_app.output = done.stdout
    assert topic in done.stdout.lower()
    assert len(done.stdout.split()) <= 25
