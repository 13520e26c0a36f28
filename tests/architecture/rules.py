"""The dependency direction of the source tree: which module may include which.

A module is a folder under src/ with its own CMakeLists.txt; apps/<name> are modules too. Patterns
are those of fnmatch, matched against the module's path ("chaos/fault"). A module may always include
itself. What no line allows is an error, and so is a module that no line knows.
"""

# What a module may include, first match wins.
MAY_INCLUDE = [
    ("common/base", []),
    ("common/document", ["common/base"]),
    ("common/*", ["common/*"]),
    ("resilience", ["common/base"]),
    # As anybody else's program: through the installed headers, <stormlog/...>.
    ("resilience/examples", ["resilience"]),
    ("pipeline/event", ["common/*"]),
    ("pipeline/format", ["pipeline/event", "common/*"]),
    ("pipeline/auth", ["resilience", "common/*"]),
    ("pipeline/admin|pipeline/ingest",
     ["pipeline/event", "pipeline/format", "pipeline/auth", "resilience", "common/*"]),
    # The three services share what is above and never see one another.
    ("pipeline/gateway|pipeline/producer|pipeline/consumer",
     ["pipeline/event", "pipeline/format", "pipeline/auth", "pipeline/admin", "pipeline/ingest",
      "resilience", "common/*"]),
    ("proxy", ["common/*"]),
    ("proxy/*", ["proxy", "proxy/*", "common/*"]),
    # Inside chaos: each layer sees its own and those below, and cycles are errors of their own.
    ("chaos/target|chaos/stack|chaos/experiment",
     ["chaos/target", "chaos/stack", "chaos/experiment", "common/*"]),
    ("chaos/fault|chaos/probe|chaos/check|chaos/load|chaos/ledger",
     ["chaos/fault", "chaos/probe", "chaos/check", "chaos/load", "chaos/ledger",
      "chaos/target", "chaos/stack", "chaos/experiment", "common/*"]),
    ("chaos/runner",
     ["chaos/fault", "chaos/probe", "chaos/check", "chaos/load", "chaos/ledger",
      "chaos/target", "chaos/stack", "chaos/experiment", "common/*"]),
    ("chaos/report|chaos/console", ["chaos/*", "common/*"]),
    # Programs are thin: each wires one part. The pipeline's and the engine's never meet.
    ("apps/api-gateway", ["pipeline/*", "resilience", "common/*"]),
    ("apps/log-producer", ["pipeline/*", "resilience", "common/*"]),
    ("apps/log-consumer", ["pipeline/*", "resilience", "common/*"]),
    ("apps/stormlog", ["chaos/*", "proxy", "proxy/*", "common/*"]),
]

# Third-party headers that stay in one place: their compile time or their types must not spread.
ONLY_IN = [
    ("spdlog/*", ["common/base"]),
    ("boost/beast*", ["common/http"]),
    ("CLI/*", ["apps/stormlog", "common/base"]),
]
