"""The protocol's documents, made from its tables: schema, AsyncAPI, and parts of ``docs/api.md``.

Owns: the three renderings. Never: a fact of its own; whatever it says is read from ``protocol``.
Strategy: ``python -m lfr_engine.api.documents`` rewrites the files in the checkout, and a test
fails when they differ from what the tables say, so a change of the wire is seen in the diff.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any

import msgspec

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.commands import COMMANDS, TOPICS, CallerRole
from lfr_engine.protocol.errors import CODE_MEANINGS
from lfr_engine.protocol.framing import HANDSHAKE_LIMITS, SERVER_LIMITS
from lfr_engine.protocol.machine import PHASE_MEANINGS, TRANSITIONS

ROOT = Path(__file__).parents[2]
SCHEMA = Path("lfr_engine/protocol/schema/protocol.json")
ASYNCAPI = Path("lfr_engine/protocol/schema/asyncapi.json")
PAGE = Path("docs/api.md")

_KINDS: tuple[type[Any], ...] = typing.get_args(m.Message)
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of generated part -->)", re.DOTALL)


def _binary(schema: Any) -> Any:
    """The library describes bytes as base64 text (JSON); in msgpack they are binaries. And before
    its version 0.23 it took descriptions with the indentation they have in the source.
    """
    if isinstance(schema, dict):
        out = {key: _binary(value) for key, value in schema.items() if key != "contentEncoding"}
        if isinstance(out.get("description"), str):
            out["description"] = inspect.cleandoc(out["description"])
        if "contentEncoding" in schema:
            out["type"], out["format"] = "string", "binary"
            for json_only in ("minLength", "maxLength"):
                if json_only in out:
                    out[f"x-bytes-{json_only}"] = out.pop(json_only)
        return out
    return [_binary(value) for value in schema] if isinstance(schema, list) else schema


def _components(prefix: str) -> tuple[dict[type[Any], dict[str, Any]], dict[str, Any]]:
    kinds: list[type[Any]] = [*_KINDS]
    for command in COMMANDS.values():
        kinds += [command.arguments, command.result]
    for topic in TOPICS.values():
        kinds += [topic.arguments, topic.body]
    unique = list(dict.fromkeys(kinds))
    references, definitions = msgspec.json.schema_components(unique, ref_template=prefix + "{name}")
    described = [_binary(reference) for reference in references]
    return dict(zip(unique, described, strict=True)), _binary(definitions)


def schema() -> dict[str, Any]:
    """Everything a generator of clients needs, as one JSON document (JSON Schema 2020-12)."""
    reference, definitions = _components("#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lfr-engine wire protocol",
        "versions": list(m.VERSIONS),
        "framing": {
            "prefix": "unsigned 32-bit big-endian length of the msgpack map that follows",
            "frame_bytes": SERVER_LIMITS.frame_bytes,
            "depth": SERVER_LIMITS.depth,
            "elements": SERVER_LIMITS.elements,
            "handshake_frame_bytes": HANDSHAKE_LIMITS.frame_bytes,
        },
        "messages": {kind.__struct_config__.tag: reference[kind] for kind in _KINDS},
        "transitions": [
            {
                "phase": phase.value,
                "speaker": speaker.value,
                "message": kind.__struct_config__.tag,
                "next": following.value,
            }
            for (phase, speaker, kind), following in TRANSITIONS.items()
        ],
        "errors": {code.value: meaning for code, meaning in CODE_MEANINGS.items()},
        "roles": [role.value for role in CallerRole],
        "commands": {
            spec.name: {
                "help": spec.help,
                "roles": [role.value for role in CallerRole if role in spec.roles],
                "changes": spec.changes,
                "journalled": spec.journalled,
                "arguments": reference[spec.arguments],
                "result": reference[spec.result],
            }
            for spec in COMMANDS.values()
        },
        "topics": {
            topic.name: {
                "help": topic.help,
                "roles": [role.value for role in CallerRole if role in topic.roles],
                "durable": topic.durable,
                "snapshot": topic.snapshot,
                "newest": topic.newest,
                "arguments": reference[topic.arguments],
                "body": reference[topic.body],
            }
            for topic in TOPICS.values()
        },
        "$defs": definitions,
    }


def asyncapi() -> dict[str, Any]:
    """The protocol as an AsyncAPI 3.0 document, seen from the engine."""
    reference, definitions = _components("#/components/schemas/")
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}

    def message(name: str, payload: dict[str, Any], summary: str) -> dict[str, str]:
        messages[name] = {"name": name, "summary": summary, "payload": payload}
        return {"$ref": f"#/channels/connection/messages/{name}"}

    for kind in _KINDS:
        tag = kind.__struct_config__.tag
        message(str(tag), reference[kind], _summary(kind))
    for spec in COMMANDS.values():
        envelope = _with(reference[m.Request], "args", reference[spec.arguments])
        request = message(f"request:{spec.name}", envelope, spec.help)
        envelope = _with(reference[m.Response], "result", reference[spec.result])
        response = message(f"response:{spec.name}", envelope, f"Result of {spec.name}")
        operations[spec.name] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/connection"},
            "summary": spec.help,
            "tags": [{"name": role.value} for role in CallerRole if role in spec.roles],
            "messages": [request],
            "reply": {
                "channel": {"$ref": "#/channels/connection"},
                "messages": [response, {"$ref": "#/channels/connection/messages/error"}],
            },
        }
    for topic in TOPICS.values():
        envelope = _with(reference[m.Subscribe], "args", reference[topic.arguments])
        wish = message(f"subscribe:{topic.name}", envelope, topic.help)
        envelope = _with(reference[m.Event], "body", reference[topic.body])
        event = message(f"event:{topic.name}", envelope, f"Event of {topic.name}")
        operations[f"subscribe.{topic.name}"] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/connection"},
            "summary": topic.help,
            "messages": [wish],
        }
        operations[f"event.{topic.name}"] = {
            "action": "send",
            "channel": {"$ref": "#/channels/connection"},
            "summary": topic.help,
            "messages": [event],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "lfr-engine",
            "version": str(m.VERSIONS[0]),
            "description": "Length-prefixed msgpack maps over a Unix socket or TLS; "
            "see docs/api.md for the order of messages.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/msgpack",
        "servers": {
            "unix": {
                "host": "localhost",
                "pathname": "/run/lfr-engine/api.sock",
                "protocol": "unix",
            },
            "tls": {"host": "localhost:7477", "protocol": "tls"},
        },
        "channels": {
            "connection": {
                "address": None,
                "description": "One connection; every frame is one message.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": definitions},
    }


def _with(envelope: dict[str, Any], field: str, inner: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [envelope, {"type": "object", "properties": {field: inner}}]}


def _summary(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def parts() -> dict[str, str]:
    """The generated parts of ``docs/api.md`` by name."""
    return {
        "messages": _messages(),
        "machine": _machine(),
        "errors": _table(
            ["code", "meaning"], [[f"`{code}`", text] for code, text in CODE_MEANINGS.items()]
        ),
        "commands": _commands(),
        "topics": _topics(),
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _messages() -> str:
    rows = []
    for kind in _KINDS:
        fields = [
            f"`{field.name}`" if field.required else f"[`{field.name}`]"
            for field in msgspec.structs.fields(kind)
        ]
        tag = str(kind.__struct_config__.tag)
        rows.append([f"`{tag}`", " ".join(fields), _summary(kind)])
    return _table(["type", "fields ([optional])", "meaning"], rows)


def _machine() -> str:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for (phase, speaker, kind), following in TRANSITIONS.items():
        key = (phase.value, speaker.value, following.value)
        grouped.setdefault(key, []).append(f"`{kind.__struct_config__.tag}`")
    rows = [
        [phase, speaker, " ".join(kinds), following]
        for (phase, speaker, following), kinds in grouped.items()
    ]
    phases = "".join(f"- **{phase.value}**: {text}\n" for phase, text in PHASE_MEANINGS.items())
    return phases + "\n" + _table(["phase", "who", "may say", "then"], rows)


def _arguments(record: type[Any]) -> str:
    return " ".join(
        f"`{field.name}`" if field.required else f"[`{field.name}`]"
        for field in msgspec.structs.fields(record)
    )


def _commands() -> str:
    rows = []
    for spec in COMMANDS.values():
        marks = ["✓" if role in spec.roles else "" for role in CallerRole]
        kind = "changes" if spec.changes else "looks" if spec.journalled else "reads"
        rows.append(
            [
                f"`{spec.name}`",
                spec.help.replace("|", "\\|"),
                _arguments(spec.arguments),
                f"`{spec.result.__name__}`",
                kind,
                *marks,
            ]
        )
    roles = [role.value for role in CallerRole]
    return _table(["command", "what it does", "arguments", "result", "", *roles], rows)


def _topics() -> str:
    rows = []
    for topic in TOPICS.values():
        kind = "durable" if topic.durable else "newest wins" if topic.newest else "live"
        roles = ", ".join(role.value for role in CallerRole if role in topic.roles)
        rows.append(
            [
                f"`{topic.name}`",
                topic.help,
                _arguments(topic.arguments),
                f"`{topic.body.__name__}`",
                kind,
                roles,
            ]
        )
    return _table(["topic", "events", "filter", "body", "kind", "roles"], rows)


def fill(page: str) -> str:
    """``docs/api.md`` with its generated parts replaced."""
    made = parts()
    return _PART.sub(lambda found: found[1] + made[found[2]] + found[3], page)


def files(page: str) -> dict[Path, str]:
    """Every generated file's text by its path in the checkout."""
    return {
        SCHEMA: json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
        ASYNCAPI: json.dumps(asyncapi(), indent=1, ensure_ascii=False) + "\n",
        PAGE: fill(page),
    }


def main() -> None:
    """Rewrite the files in this checkout."""
    for path, text in files((ROOT / PAGE).read_text(encoding="utf-8")).items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
