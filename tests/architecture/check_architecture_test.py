#!/usr/bin/env python3
"""The check must fail where it should: each test breaks a small tree in one way."""
import tempfile
import unittest
from pathlib import Path

import check_architecture

# A tree without fault: module -> (links, {file: text}).
GOOD = {
    "src/common/base": ("", {"clock.hpp": "#pragma once\n#include <chrono>\n"}),
    "src/resilience": ("stormlog::base", {"retry.hpp": '#include "common/base/clock.hpp"\n'}),
    "src/pipeline/event": ("stormlog::base", {"event.hpp": "#pragma once\n"}),
    "src/pipeline/gateway": (
        "stormlog::event stormlog::resilience",
        {"gateway.cpp": '#include "pipeline/event/event.hpp"\n#include "resilience/retry.hpp"\n'
                        '#include "common/base/clock.hpp"\n'}),
    "src/chaos/stack": ("stormlog::base", {"stack.hpp": '#include "common/base/clock.hpp"\n'}),
    "src/chaos/fault": ("stormlog::stack", {"fault.hpp": '#include "chaos/stack/stack.hpp"\n'}),
}


class ArchitectureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for module, (links, files) in GOOD.items():
            self.write(f"{module}/CMakeLists.txt",
                       f"stormlog_module({Path(module).name}\n  SOURCES x.cpp\n  LINKS {links})\n")
            for name, text in files.items():
                self.write(f"{module}/{name}", text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def errors(self):
        return check_architecture.Tree(self.root).check()

    def assert_one_error(self, *parts):
        errors = self.errors()
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_good_tree_passes(self):
        self.assertEqual(self.errors(), [])

    def test_pipeline_must_not_include_chaos(self):
        self.write("src/pipeline/gateway/extra.cpp", '\n#include "chaos/stack/stack.hpp"\n')
        self.assert_one_error("src/pipeline/gateway/extra.cpp:2:",
                              "pipeline/gateway must not include chaos/stack")

    def test_chaos_must_not_include_resilience(self):
        self.write("src/chaos/fault/extra.cpp", '#include "resilience/retry.hpp"\n')
        self.assert_one_error("chaos/fault must not include resilience")

    def test_lower_layer_of_chaos_must_not_include_upper(self):
        self.write("src/chaos/stack/extra.cpp", '#include "chaos/fault/fault.hpp"\n')
        errors = self.errors()
        self.assertTrue(any("chaos/stack must not include chaos/fault" in e for e in errors), errors)
        self.assertTrue(any("cycle of modules: " in e for e in errors), errors)

    def test_common_must_not_include_upwards(self):
        self.write("src/common/base/extra.cpp", '#include "pipeline/event/event.hpp"\n')
        self.assertTrue(any("common/base must not include pipeline/event" in e
                            for e in self.errors()))

    def test_neighbours_in_the_pipeline_must_not_meet(self):
        self.write("src/pipeline/consumer/CMakeLists.txt", "stormlog_module(consumer SOURCES c.cpp)")
        self.write("src/pipeline/consumer/c.cpp", '#include "pipeline/gateway/gateway.hpp"\n')
        self.write("src/pipeline/gateway/gateway.hpp", "#pragma once\n")
        self.assert_one_error("pipeline/consumer must not include pipeline/gateway")

    def test_include_without_link(self):
        self.write("src/chaos/stack/CMakeLists.txt", "stormlog_module(stack SOURCES x.cpp)\n")
        self.assert_one_error("src/chaos/stack/stack.hpp:1:",
                              "chaos/stack includes common/base but does not link it")

    def test_link_in_a_comment_is_none(self):
        self.write("src/chaos/stack/CMakeLists.txt",
                   "stormlog_module(stack SOURCES x.cpp\n # LINKS stormlog::base\n)\n")
        self.assert_one_error("does not link it")

    def test_test_links_serve_tests_alone(self):
        self.write("src/chaos/stack/CMakeLists.txt",
                   "stormlog_module(stack SOURCES x.cpp TEST_LINKS stormlog::base)\n")
        self.write("src/chaos/stack/stack.hpp", "#pragma once\n")
        self.write("src/chaos/stack/stack_test.cpp", '#include "common/base/clock.hpp"\n')
        self.assertEqual(self.errors(), [])
        self.write("src/chaos/stack/stack.cpp", '#include "common/base/clock.hpp"\n')
        self.assert_one_error("src/chaos/stack/stack.cpp:1:", "does not link it")

    def test_link_against_the_direction(self):
        self.write("src/common/base/CMakeLists.txt",
                   "stormlog_module(base SOURCES x.cpp LINKS stormlog::resilience)\n")
        self.assert_one_error("common/base must not link resilience")

    def test_cycle_of_files(self):
        self.write("src/resilience/a.hpp", '#include "resilience/b.hpp"\n')
        self.write("src/resilience/b.hpp", '#include "resilience/c.hpp"\n')
        self.write("src/resilience/c.hpp", '#include "resilience/a.hpp"\n')
        self.assert_one_error("include cycle: ", "a.hpp", "b.hpp", "c.hpp")

    def test_file_that_includes_itself(self):
        self.write("src/resilience/a.hpp", '#include "resilience/a.hpp"\n')
        self.assert_one_error("include cycle: src/resilience/a.hpp -> src/resilience/a.hpp")

    def test_cycle_of_modules_without_cycle_of_files(self):
        # Both directions are allowed by the rules of this layer; together they are a cycle.
        self.write("src/chaos/probe/CMakeLists.txt",
                   "stormlog_module(probe SOURCES x.cpp LINKS stormlog::fault)\n")
        self.write("src/chaos/probe/probe.hpp", "#pragma once\n")
        self.write("src/chaos/probe/x.cpp", '#include "chaos/fault/fault.hpp"\n')
        self.write("src/chaos/fault/CMakeLists.txt",
                   "stormlog_module(fault SOURCES x.cpp LINKS stormlog::stack stormlog::probe)\n")
        self.write("src/chaos/fault/x.cpp", '#include "chaos/probe/probe.hpp"\n')
        self.assert_one_error("cycle of modules: ", "chaos/probe", "chaos/fault")

    def test_unknown_include(self):
        self.write("src/resilience/extra.cpp", '#include "retry.hpp"\n')
        self.assert_one_error('"retry.hpp" is no file below src/')

    def test_include_by_dots(self):
        self.write("src/resilience/extra.cpp", '#include "../resilience/retry.hpp"\n')
        self.assert_one_error("write it relative to src/")

    def test_unknown_module(self):
        self.write("src/misc/CMakeLists.txt", "stormlog_module(misc SOURCES x.cpp)\n")
        self.assert_one_error("module misc is in no line of tests/architecture/rules.py")

    def test_third_party_header_outside_its_place(self):
        self.write("src/pipeline/event/extra.cpp", "#include <boost/beast/http.hpp>\n")
        self.assert_one_error("<boost/beast/http.hpp> belongs in common/http only")

    def test_programs_of_both_halves_never_meet(self):
        self.write("apps/api-gateway/CMakeLists.txt",
                   "add_executable(api-gateway main.cpp)\n"
                   "target_link_libraries(api-gateway PRIVATE stormlog::gateway stormlog::stack)\n")
        self.write("apps/api-gateway/main.cpp", '#include "chaos/stack/stack.hpp"\n')
        errors = self.errors()
        self.assertEqual(len(errors), 2, errors)
        self.assertIn("apps/api-gateway must not link chaos/stack", errors[0])
        self.assertIn("apps/api-gateway must not include chaos/stack", errors[1])


if __name__ == "__main__":
    unittest.main()
