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
    {{python}} -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

test *args:
    {{python}} -m pytest -n 2 --dist loadfile -m "not long and not server and not soak" {{args}}

# the tests that need minutes or a real server on loopback
test-long *args:
    {{python}} -m pytest -n 3 --dist loadfile -m "long or server" {{args}}

# what takes many minutes and no exact time: a soak, an hour of scene, thousands of pictures
soak *args:
    {{python}} -m pytest -n 2 --dist loadfile -o faulthandler_timeout=0 -m soak {{args}}

# ten minutes of coverage-guided fuzzing of the wire protocol (pip install atheris first)
fuzz seconds="600":
    {{python}} -m tests.protocol.fuzz_atheris -max_total_time={{seconds}}

# draw the API documents again from the command table
api-docs:
    {{python}} -m lfr_engine.api.documents
