"""What people see: six pages, rendered here, and the files that they bring.

Templates, texts and files are read once; no path of a request reaches the disk. Scripts get their
texts as data of the page, as nothing may be written into it (guard.POLICY).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from edgefer import __version__
from edgefer.outputs import WebConfig
from edgefer.web.about import PARTS, About
from edgefer.web.site import Site
from edgefer.web.texts import COOKIE, LANGUAGES, chosen_language, language_of, read_texts

NAVIGATION: Final = (
    ("live", "/"),
    ("image", "/image"),
    ("steps", "/steps"),
    ("benchmarks", "/benchmarks"),
    ("about", "/about"),
)

SCRIPTS: Final = {"live": (), "image": ("source",), "steps": ("source",), "benchmarks": ()}
"""Pages with a script of their own, and whose texts it says besides its page's."""

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}

YEAR: Final = 365 * 86400

Handler = Callable[[Request], Awaitable[Response]]


def pages(site: Site) -> list[Route]:
    """Everything that is not asked by programs."""
    made = Pages(site)
    seen = {"/": made.live, "/about": made.about, "/login": made.login}
    for name, path in NAVIGATION:
        seen.setdefault(path, partial(made.plain, name))
    routes = [Route(path, handler, methods=["GET"]) for path, handler in seen.items()]
    return [*routes, Route("/static/{name}", Files().file, methods=["GET"])]


class Pages:
    """Handlers; for the event loop's thread."""

    def __init__(self, site: Site) -> None:
        self._site, self._about = site, About(site)
        self._texts = read_texts()
        self._templates = environment()

    async def live(self, request: Request) -> Response:
        cameras = list(self._site.live.cameras) if self._site.config.web.preview else []
        return self._page(request, "live", cameras=cameras)

    async def plain(self, name: str, request: Request) -> Response:
        """A page that its script fills."""
        web = self._site.config.web
        limits = {"megabytes": f"{web.megabytes:g}", "megapixels": f"{web.megapixels:g}"}
        return self._page(request, name, **limits)

    async def about(self, request: Request) -> Response:
        model, model_now = await self._about.model()
        return self._page(
            request, "about", model=model, model_now=model_now, parts=self._about.versions, of=PARTS
        )

    async def login(self, request: Request) -> Response:
        asked = request.query_params
        texts = self._texts[language_of(request)]["login"]
        trouble = texts["wrong"] if "wrong" in asked else ""
        if re.fullmatch("[0-9]{1,3}", wait := asked.get("wait", "")):
            trouble = texts["slow"].replace("{seconds}", wait)
        return self._page(request, "login", next=asked.get("next", "/"), trouble=trouble)

    def _page(self, request: Request, name: str, **values: Any) -> Response:  # Any: as Jinja's
        language, access = language_of(request), self._site.access
        texts = self._texts[language]
        html = self._templates.get_template(f"{name}.html").render(
            t=texts,
            page=name,
            language=language,
            languages=[
                (code, code.upper(), own, _in_language(request, code))
                for code, own in LANGUAGES.items()
            ],
            navigation=NAVIGATION,
            script=_script_texts(texts, name, self._site.config.web),
            signed_in=access.logged_in(request),
            csrf=access.csrf(request),
            version=__version__,
            **values,
        )
        response = HTMLResponse(html, headers={"Content-Language": language})
        if (chosen := chosen_language(request)) is not None:
            response.set_cookie(COOKIE, chosen, max_age=YEAR, httponly=True, samesite="lax")
        return response


class Files:
    """Style sheets, scripts and pictures, from memory."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for file in (files("edgefer.web") / "static").iterdir():
            kind = TYPES.get("." + file.name.rpartition(".")[2])
            if kind is not None:
                data = file.read_bytes()
                tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
                self._files[file.name] = data, kind, tag

    async def file(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            return Response("there is no such file\n", 404, media_type="text/plain")
        data, kind, tag = found
        headers = {"ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=kind, headers=headers)


def environment() -> Environment:
    """Templates that escape whatever they show, and refuse a name that nobody gave."""
    folder = files("edgefer.web") / "templates"
    sources = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    made = Environment(
        loader=DictLoader({name: text for name, text in sources.items() if name[-5:] == ".html"}),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["grouped"] = _grouped
    return made


def _grouped(value: int, language: str) -> str:
    """2893395 as 2,893,395 or 2.893.395."""
    text = f"{value:,}"
    return text.replace(",", ".") if language == "id" else text


def _in_language(request: Request, code: str) -> str:
    """The query that leads to the same page in a language."""
    asked: Mapping[str, str] = {**request.query_params, "language": code}
    return "?" + urlencode(asked)


def _script_texts(texts: Mapping[str, Any], page: str, limits: WebConfig) -> str:
    """As JSON, the limits filled in; "" where the page has no script."""
    if page not in SCRIPTS:
        return ""
    told = {"labels": texts["labels"], **texts["script"]}
    for section in (*SCRIPTS[page], page):
        told.update(texts[section]["script"])
    told["refusals"] = {
        name: text.replace("{megabytes}", f"{limits.megabytes:g}").replace(
            "{megapixels}", f"{limits.megapixels:g}"
        )
        for name, text in told["refusals"].items()
    }
    return json.dumps(told, ensure_ascii=False)
