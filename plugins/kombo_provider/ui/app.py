"""The application under `/kombo`: static scripts for everyone, data for who is logged in and may see the DAG."""

from __future__ import annotations

import time
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint
from starlette.types import Scope

from kombo_provider.deployment import KnownPipelines
from kombo_provider.errors import KomboError
from kombo_provider.ui.access import refuse_other_sites
from kombo_provider.ui.bounded import BoundedWork
from kombo_provider.ui.desk import Desk
from kombo_provider.ui.routes import router
from kombo_provider.ui.texts import say_what_is_invalid

_STATIC = Path(__file__).parent / "static"


class _Scripts(StaticFiles):
    """Asked for again each time, which an unchanged file answers in a few bytes: after an upgrade none may be old."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def make_app(*, known: KnownPipelines | None = None, work: BoundedWork | None = None) -> FastAPI:
    """Build the application; nothing is read before the first request."""
    # No pages of FastAPI's own: they would answer without a login, and fetch scripts from other hosts.
    app = FastAPI(title="Kombo", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", _Scripts(directory=_STATIC), name="static")
    app.state.desk = Desk(known or KnownPipelines(), work or BoundedWork())
    app.include_router(router, prefix="/api", dependencies=[Depends(get_user), Depends(refuse_other_sites)])
    app.middleware("http")(_timed)
    app.add_exception_handler(KomboError, _one_sentence)
    app.add_exception_handler(RequestValidationError, say_what_is_invalid)
    app.add_exception_handler(Exception, _no_driver_text)
    return app


async def _one_sentence(_request: Request, exc: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(exc)}, status_code=503)


async def _no_driver_text(_request: Request, _exc: Exception) -> JSONResponse:
    """Starlette raises the error again after this, so the server logs it."""
    return JSONResponse({"detail": "That failed; the API server's log says why."}, status_code=500)


async def _timed(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Say in a header how long the server took; browsers show it beside the request."""
    began = time.perf_counter()
    response = await call_next(request)
    response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1000:.1f}"
    return response
