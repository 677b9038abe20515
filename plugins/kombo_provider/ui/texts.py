"""Texts and numbers that a request may hold: what no database can take is refused in words, before it is asked."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character") from None
    if "\x00" in text:  # PostgreSQL has no such text
        raise ValueError("holds a NUL character")
    return text


Storable = Annotated[str, AfterValidator(_storable)]
Named = Annotated[Storable, Field(min_length=1)]
Reason = Annotated[Storable, Field(max_length=1000)]
HttpStatus = Annotated[int, Field(ge=0, le=999)]


async def say_what_is_invalid(_request: Request, exc: Exception) -> JSONResponse:
    """Answer 422 with place and reason. FastAPI's own answer repeats the input, which may be no JSON."""
    said: list[dict[str, Any]] = []
    if isinstance(exc, RequestValidationError):
        said = [{name: problem[name] for name in ("type", "loc", "msg")} for problem in exc.errors()]
    return JSONResponse({"detail": said}, status_code=422)
