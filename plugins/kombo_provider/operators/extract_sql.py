"""Finds the SELECT of a pipeline when a task runs, and renders its Jinja."""

from __future__ import annotations

import codecs
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from kombo_provider.errors import ConfigurationError

_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_extract_sql(extract_sql: str, defined_in: str, folder: str | None = None) -> tuple[str, str]:
    """Return the SELECT's text and the words that name it in messages.

    `extract_sql` is a path ending in `.sql`, looked up in `folder`, by default that of the DAG file `defined_in`, and
    in each folder above it, or else the SELECT itself. A file is UTF-8, or says by a byte-order mark what it is.
    Raises ConfigurationError where no such file is found, or it cannot be read.
    """
    if not extract_sql.rstrip().lower().endswith(".sql"):
        return extract_sql, "the SELECT in extract_sql"
    wanted = Path(extract_sql.strip())
    start = Path(folder).resolve() if folder is not None else Path(defined_in).resolve().parent
    folders = [start, *start.parents]
    for path in [wanted] if wanted.is_absolute() else [folder / wanted for folder in folders]:
        try:
            if path.is_file():
                return _decoded(path.read_bytes(), str(wanted)), str(wanted)
        except OSError as exc:
            raise ConfigurationError(
                f"The SQL file {path} cannot be read: {exc.strerror}. Correct its rights."
            ) from None
    raise ConfigurationError(
        f"extract_sql names {wanted}, and there is no such file beside {Path(defined_in).name} or in a folder above. "
        "Correct the path, name the folder in sql_folder, or pass the SELECT itself."
    )


def _decoded(content: bytes, where: str) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        raise ConfigurationError(
            f"The SQL file {where} is not UTF-8: line {line} holds the byte 0x{content[exc.start]:02X}, as Latin-1 and "
            "Windows encodings have it. Save the file as UTF-8."
        ) from None
    if "\0" in text:
        raise ConfigurationError(f"The SQL file {where} holds NUL characters, as UTF-16 has them. Save it as UTF-8.")
    return text.replace("\r\n", "\n")


def render_sql(task: BaseOperator, sql: str, where: str, context: Any) -> str:
    """Return the SELECT with its Jinja rendered, by the rules, macros and filters of the task's DAG.

    Raises ConfigurationError, which names the line, where that is no Jinja or asks for what is not there. Errors of
    the user's own macros leave this as they are.
    """
    import jinja2

    try:
        _refuse_quoted_tuples(task, sql)
        return str(task.render_template(sql, context))
    except jinja2.TemplateSyntaxError as exc:
        line, said = exc.lineno, exc.message
    except (jinja2.UndefinedError, jinja2.TemplateNotFound, AirflowNotFoundException) as exc:
        line, said = _line_of(exc), str(exc)
    except AirflowRuntimeError as exc:
        if "NOT_FOUND" not in str(exc):
            raise
        line, said = _line_of(exc), str((exc.error.detail or {}).get("message") or exc)
    raise ConfigurationError(
        f"The source query ({where}) cannot be rendered: in line {line}, {said}. Airflow reads {{{{ … }}}}, {{% … %}} "
        "and {# … #} in it as Jinja. If the SQL itself needs such braces, put them between {% raw %} and {% endraw %}."
    )


def _refuse_quoted_tuples(task: BaseOperator, sql: str) -> None:
    """Raise where Jinja would print a tuple or a number between quotes: PostgreSQL's `'{{1,2}}'` is meant."""
    from jinja2 import TemplateSyntaxError, nodes

    for output in task.get_template_env().parse(sql).find_all(nodes.Output):
        for before, printed in pairwise(output.nodes):
            is_literal = isinstance(printed, nodes.Tuple) or (
                isinstance(printed, nodes.Const) and not isinstance(printed.value, str)
            )
            if is_literal and isinstance(before, nodes.TemplateData) and before.data.endswith("'"):
                raise TemplateSyntaxError("'{{ begins an expression, not an array", printed.lineno)


def _line_of(exc: BaseException) -> int:
    """Return the line of the template in which it was raised, 0 if that is not known."""
    for frame, line in traceback.walk_tb(exc.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            found: int = template.get_corresponding_lineno(line)
            return found
    return 0
