"""The pages of the sandbox's login: plain HTML, no script."""

from collections.abc import Iterable, Sequence
from html import escape

from bizosaas_xero.sandbox.oauth.apps import App, User, describe_scope

_STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#eef3f7;color:#1d2b36;font:16px/1.5 system-ui,sans-serif}
main{max-width:30rem;margin:6vh auto;background:#fff;border-radius:12px;padding:2rem;
box-shadow:0 8px 30px rgba(20,50,80,.12)}
h1{font-size:1.3rem;margin:0 0 .3rem}
p{margin:.4rem 0}
.tag{display:inline-block;background:#fff3d6;color:#7a5200;border-radius:99px;
padding:.1rem .7rem;font-size:.8rem}
fieldset{border:1px solid #d5dee6;border-radius:8px;margin:1rem 0;padding:.6rem 1rem}
legend{font-weight:600;padding:0 .4rem}
label{display:block;padding:.25rem 0}
small{color:#5b6b78}
ul{margin:.3rem 0;padding-left:1.2rem}
code{font-size:.8rem;color:#5b6b78;overflow-wrap:anywhere}
.row{display:flex;gap:.8rem;margin-top:1.2rem}
button{flex:1;padding:.7rem;border-radius:8px;border:1px solid #0b6fb8;font:inherit;cursor:pointer}
.yes{background:#0b6fb8;color:#fff}.no{background:#fff;color:#0b6fb8}
"""


def _html_page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f'<body><main><span class="tag">Sandbox, not Xero</span>{body}</main></body></html>'
    )


def consent_page(
    app: App,
    scopes: Sequence[str],
    users: Iterable[User],
    organisations: Iterable[tuple[str, str]],
    hidden: Iterable[tuple[str, str]],
    *,
    several: bool,
) -> str:
    """Return the page on which a user signs in, reads the scopes and chooses an organisation.

    Args:
        app: The app that requests access.
        scopes: The scopes it requests.
        users: The users; the first is chosen.
        organisations: Id and name of each; the first is chosen.
        hidden: The parameters of the request, which the form sends again.
        several: More than one organisation may be ticked.
    """
    people = "".join(
        f'<label><input type="radio" name="user" value="{escape(user.key)}"{" checked" * (n == 0)}> '
        f"{escape(user.name)} <small>{escape(user.email)}</small></label>"
        for n, user in enumerate(users)
    )
    box = "checkbox" if several else "radio"
    choices = "".join(
        f'<label><input type="{box}" name="organisation" value="{escape(guid)}"{" checked" * (n == 0)}> '
        f"{escape(name)}</label>"
        for n, (guid, name) in enumerate(organisations)
    )
    scope_items = "".join(f"<li>{escape(describe_scope(s))} <code>{escape(s)}</code></li>" for s in scopes)
    carried = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden)
    return _html_page(
        "Allow access",
        f"<h1>{escape(app.name)} wants access</h1><p>It will be able to:</p><ul>{scope_items}</ul>"
        f'<form method="post">{carried}'
        f"<fieldset><legend>Sign in as</legend>{people}</fieldset>"
        f"<fieldset><legend>Organisation</legend>{choices}</fieldset>"
        '<div class="row"><button class="no" name="allow" value="no">Cancel</button>'
        '<button class="yes" name="allow" value="yes">Allow access</button></div></form>',
    )


def error_page(error: str, detail: str) -> str:
    """Return the error page of a refused request, which does not redirect to the app."""
    return _html_page(
        "Sorry, something went wrong",
        "<h1>Sorry, something went wrong</h1>"
        f"<p>{escape(detail)}</p><p><small>Error: <code>{escape(error)}</code></small></p>",
    )
