"""A plain chat request over HTTP: answered by the arm's model, live and from recordings."""

from app_project import CONTROL, TREATMENT, chat, post


def test_chat_request_is_answered_by_the_arm(project, relay):
    gateway = project.gateway()
    with project.item(gateway, "treatment", TREATMENT) as calls:
        answer = post(f"{gateway.base_url}/chat/completions", chat("Hello"))
    assert (answer.status, answer.text) == (200, f"Answer of {TREATMENT} to: Hello")
    assert [reply.text for reply in calls.swapped_replies] == [f"Answer of {TREATMENT} to: Hello"]
    assert relay.stats()["requests"] == {TREATMENT: 1}


def test_recorded_answer_is_replayed_without_a_relay(project, relay):
    bodies = []
    for record in ("new", "none"):
        gateway = project.gateway(record)
        with project.item(gateway) as calls:
            bodies.append(post(f"{gateway.base_url}/chat/completions", chat("Hello")).json)
        assert [reply.replayed for reply in calls.replies] == [record == "none"]
        project.merge()
    assert bodies[0] == bodies[1]
    assert relay.stats()["requests"] == {CONTROL: 1}
