"""The fixtures and hooks of all suites, a noun a module; nothing else is here.

Who imports another stands after it: pytest must see a module first to rewrite its assertions.
"""

pytest_plugins = [
    "fixtures.options",
    "fixtures.measuring",
    "fixtures.node",
    "fixtures.containers",
    "fixtures.verdicts",
    "fixtures.recording",
    "fixtures.lake",
    "fixtures.oracles",
    "fixtures.jobs",
    "fixtures.tables",
    "fixtures.stacks",
    "fixtures.labs",
    "fixtures.bare_node",
]
