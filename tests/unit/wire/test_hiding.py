"""dripline.wire.safe_text: what may be shown of texts with secrets in them."""

import pytest

from dripline.wire.safe_text import hide_login, hide_word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqps://ada:geheim@lab:5671/x", "amqps://…@lab:5671/x"),
        ("amqp://ada:ge@he im@lab", "amqp://…@lab"),
        ("no address: 'postgresql://ada:geheim@lab'", "no address: 'postgresql://…@lab'"),
        ("postgresql//ada:geheim@lab/x", "postgresql//…@lab/x"),
        ("postgresql:/ada:geheim@lab", "postgresql:/…@lab"),
        ("{'broker': 'ada:geheim@lab'}", "{'broker': '…@lab'}"),
        ("amqps://lab:5671/x", "amqps://lab:5671/x"),
        ("ada@lab.org", "ada@lab.org"),
    ],
)
def test_addresses_are_shown_without_their_login(text, shown):
    """Host, port and path stay, since they tell what is wrong."""
    assert hide_login(text) == shown


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("password=geheim", "password=…"),
        ("password.value=geheim", "password.value=…"),
        ("endpoints.0.api_token=geheim=1", "endpoints.0.api_token=…"),
        ("dripline_mesh.broker=amqp://ada:geheim@lab", "dripline_mesh.broker=amqp://…@lab"),
        ("name=password", "name=password"),
        ("password=", "password="),
    ],
)
def test_words_that_set_a_secret_are_shown_without_it(word, shown):
    """The key stays, so that one sees which word is meant."""
    assert hide_word(word) == shown
