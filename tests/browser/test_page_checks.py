"""The page walk's checks find each kind of fault, and nothing in a sound page."""

from __future__ import annotations

import pytest
from page_checks import HEIGHT, WIDTHS, Watched, faults, look

pytestmark = pytest.mark.browser

ADDRESS = "http://page.test/"
POLICY = (
    "default-src 'none'; style-src-elem 'unsafe-inline'; style-src-attr {attributes};"
    " script-src 'unsafe-inline'; img-src data:"
)
STYLE = """
body { margin: 0; font: 16px/1.5 sans-serif; }
.wrap { overflow-wrap: anywhere; }
.narrow { width: 9rem; }
.short { width: 9rem; overflow: hidden; white-space: nowrap; }
.dots { text-overflow: ellipsis; }
.low { position: relative; height: 1.5rem; overflow: hidden; }
.on-top { position: absolute; inset: 0; margin: 0; background: #fff; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.grey { color: #999; background: #888; }
@media (prefers-color-scheme: dark) { .grey-at-night { color: #999; background: #888; } }
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>{style}</style></head><body><main><h1>A page</h1>{body}</main></body></html>"""
LONG = "Every failed payment is looked at once more before it is charged again."

SOUND = {
    "a paragraph and its controls": f"""<p>{LONG} <a href="#more">More</a></p>
        <label>Name <input name="name" placeholder="Ada"></label> <button>Save</button>
        <select aria-label="Role"><option>Owner</option></select>""",
    "short words that need no second line": "<p>To do</p><table><tr><td>7<td>Paid</table>",
    "a short line before a long word": f"<p class=wrap>I am {'Donaudampfschiff' * 2}</p>",
    "an id that is broken": f"<p class=wrap>{'in_1Pq8' * 30}</p>",
    "words for screen readers": f"<p>Save<span class=unseen>{LONG}</span></p>",
    "a text cut, and its title has it": f"<p class='short dots' title='{LONG}'>{LONG}</p>",
    "what is folded away": f"<details><summary>More</summary><p>{LONG}</p></details>",
    "what a hidden form holds": "<form hidden><input name=a><button>Send</button></form>",
    "a control in a label": "<label><input type=checkbox> Stay signed in</label>",
    "more than a screen": f"<div style='height: 3000px'></div><p>{LONG}</p><button>Save</button>",
}

# By the kind of fault, several ways to it; each on a page of its own.
FAULTY = {
    "sideways": {
        "wider than the screen": "<div style='width: 1500px'>Wide</div>",
        "a table that does not fit": f"<table><tr>{'<td>1,000,000.00&nbsp;USD' * 20}</table>",
        "a part that scrolls by itself": "<div tabindex=0 style='overflow-x: auto'>"
        "<div style='width: 1500px'>Wide</div></div>",
    },
    "squeezed": {
        "a letter a line": f"<p class=wrap style='width: 1ch'>{LONG}</p>",
        "a few characters a line": f"<p class=wrap style='width: 5ch'>{LONG}</p>",
        "beside one that takes all the room": f"<div style='display: flex'><p class=wrap>{LONG}</p>"
        "<div style='flex: none; width: calc(100vw - 2rem)'>wide</div></div>",
        "a word in two": "<p class=wrap style='width: 9ch'>Notifications</p>",
    },
    "cut": {
        "with nothing to say so": f"<p class=short>{LONG}</p>",
        "with dots": f"<p class='short dots'>{LONG}</p>",
        "with another title": f"<p class='short dots' title='A sentence'>{LONG}</p>",
        "below": f"<p class=low style='width: 20rem'>{LONG}</p>",
        "by what is around it": f"<div class=low><div><p>A</p><p>{LONG}</p></div></div>",
        "at the left": f"<p style='margin-left: -3rem'>{LONG}</p>",
        "in a select": f"<select aria-label=Why class=narrow><option>{LONG}</select>",
        "before anybody types": f"<input aria-label=Why class=narrow placeholder='{LONG}'>",
    },
    "covered": {
        "by a bar that stays": "<div style='height: 3000px'></div><p>The last line</p>"
        "<div class=on-top style='position: fixed'></div>",
        "by its neighbour": "<div class=low><p>Below</p><p class=on-top>Top</p></div>",
        "a control": "<div class=low><button>Save</button><i class=on-top></i></div>",
    },
    "off screen": {
        "at the left": "<button style='position: absolute; left: -300px'>Save</button>",
        "at the right": "<div class=low>"
        "<button style='position: absolute; left: 2000px'>Save</button></div>",
        "above": "<button style='position: absolute; top: -300px'>Save</button>",
        "without a size": "<a href='#x' style='display: block; width: 0; height: 0'></a>",
    },
    "axe": {
        "a picture without words": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
        "a field without a label": "<input name=name>",
        "grey on grey": f"<p class=grey>{LONG}</p>",
        "grey on grey at night": f"<p class=grey-at-night>{LONG}</p>",
    },
    "console": {
        "an error that is written": "<script>console.error('no')</script>",
        "a file that is not there": "<link rel=stylesheet href='/away.css'>",
    },
    "script": {"one that throws": "<script>throw new Error('no')</script>"},
    "csp": {
        "a picture from elsewhere": "<img alt='' src='http://elsewhere.test/a.png'>",
        "a frame": "<iframe title=Frame src='http://elsewhere.test/'></iframe>",
        "a style": "<p id=p>A</p><script>p.setAttribute('style', 'color: red')</script>",
    },
}
CASES = [(kind, name) for kind, pages in FAULTY.items() for name in pages]


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(viewport={"width": WIDTHS[-1], "height": HEIGHT})
    yield Watched(context)
    context.close()


def found(tab, body, expected=200, attributes="'unsafe-inline'"):
    """What is said of a page with this body."""

    def answer(route):
        if route.request.url != ADDRESS:
            return route.fulfill(status=404)
        policy = POLICY.format(attributes=attributes)
        page = PAGE.format(style=STYLE, body=body)
        headers = {"Content-Security-Policy": policy, "Content-Type": "text/html"}
        return route.fulfill(body=page, status=expected, headers=headers)

    tab.page.unroute_all()
    tab.page.route("**/*", answer)
    tab.open(ADDRESS, expected)
    return tab.taken() + faults(tab.page)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_page_is_left_alone(tab, name):
    assert found(tab, SOUND[name]) == []


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_fault_is_found(tab, kind, name):
    policy = {"attributes": "'none'"} if kind == "csp" else {}
    said = found(tab, FAULTY[kind][name], **policy)

    assert any(one.startswith(f"{kind}: ") for one in said), said


def test_a_page_refused_on_purpose_is_no_error(tab):
    assert found(tab, SOUND["a paragraph and its controls"], expected=404) == []


def test_what_is_folded_away_is_looked_at_too(tab):
    squeezed = FAULTY["squeezed"]["a letter a line"]
    said = found(tab, f"<details><summary>More</summary>{squeezed}</details>")

    assert any(one.startswith("squeezed: ") for one in said)


def test_a_fault_is_named_with_its_place_and_the_widths_at_which_it_shows(tab):
    found(tab, "<div class=wide style='width: 1000px'>Wide</div>")
    [said] = look(tab.page)

    assert said == "sideways: main > div.wide: 1000 pixels wide at [390, 768]"
