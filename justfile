# Everything a developer runs. CI runs `just check` and nothing hidden.

python := env("PYTHON", "python3")

# format, lint, strict types, import contracts, tests
check: format-check lint types contracts test

format-check:
    {{python}} -m ruff format --check .

format:
    {{python}} -m ruff format .
    {{python}} -m ruff check --fix .

lint:
    {{python}} -m ruff check .

types:
    {{python}} -m mypy

contracts:
    lint-imports

test *args:
    {{python}} -m pytest -m "not long and not server" {{args}}

# the tests that need minutes or a real server on loopback
test-long *args:
    {{python}} -m pytest -m "long or server" {{args}}
