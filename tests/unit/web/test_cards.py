"""Cards of classifiers, which may come from strangers."""

from web.pages.cards import render_card


def test_a_card_is_made_of_headings_lists_tables_and_emphasis() -> None:
    """The Markdown that our own cards use becomes HTML below the page's own heading."""
    text = "# Name\n\nGood for **faces** and `frames`,\nno more.\n\n- one\n  still one\n- two\n\n"
    card = text + "| a | b |\n|---|---|\n| 1 | 2 |\n"

    assert render_card(card) == (
        "<h2>Name</h2>\n"
        "<p>Good for <strong>faces</strong> and <code>frames</code>, no more.</p>\n"
        "<ul><li>one still one</li><li>two</li></ul>\n"
        '<div class="table"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>"
    )


def test_no_markup_of_a_card_survives() -> None:
    """Tags, handlers and addresses in a card are text, wherever they stand."""
    bad = "<img src=x onerror=alert(1)>"
    card = f"# {bad}\n\n{bad} `{bad}` [here](javascript:alert(1))\n\n- {bad}\n\n| {bad} |\n|---|\n| {bad} |\n"
    shown = render_card(card)

    assert "<img" not in shown
    assert "<a" not in shown
    assert "here (javascript:alert(1))" in shown
