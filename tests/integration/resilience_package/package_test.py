#!/usr/bin/env python3
"""Builds the resilience library alone, installs it into a temporary prefix, and uses it from there as
a stranger's project would: the examples, copied out of the tree, find it with find_package."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["STORMLOG_SOURCE"])
CMAKE = os.environ["CMAKE"]
CTEST = os.environ["CTEST"]


def run(*command, check=True):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if check and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="stormlog-resilience-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.prefix = cls.work / "prefix"
        cls.configured = run(CMAKE, "-S", SOURCE, "-B", cls.work / "library", "-G", "Ninja",
                             "-DSTORMLOG_ONLY_RESILIENCE=ON",
                             f"-DCMAKE_INSTALL_PREFIX={cls.prefix}").stdout
        run(CMAKE, "--build", cls.work / "library")
        run(CMAKE, "--install", cls.work / "library", "--component", "resilience")

    def configure(self, name, text_of_cmake, *more, check=True):
        folder = self.work / name
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(text_of_cmake)
        return run(CMAKE, "-S", folder, "-B", folder / "build", "-G", "Ninja",
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", *more, check=check)

    def test_examples_build_and_run_against_the_installed_package(self):
        folder = self.work / "examples"
        shutil.copytree(SOURCE / "src/resilience/examples", folder)
        run(CMAKE, "-S", folder, "-B", folder / "build", "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        run(CMAKE, "--build", folder / "build")
        told = run(CTEST, "--test-dir", folder / "build", "--output-on-failure").stdout
        count = len(list(folder.glob("*.cpp")))
        self.assertIn(f"100% tests passed, 0 tests failed out of {count}", told)

    def test_needs_no_library_but_the_standard_one(self):
        # Whether a package was looked for shows in what CMake remembers.
        cache = (self.work / "library/CMakeCache.txt").read_text()
        for foreign in ("spdlog", "fmt", "yaml-cpp", "CLI11", "Boost", "GTest"):
            self.assertNotIn(f"{foreign}_DIR", cache)
        targets = "".join(file.read_text() for file in self.prefix.rglob("*.cmake"))
        linked = re.findall(r'INTERFACE_LINK_LIBRARIES "([^"]*)"', targets)
        self.assertEqual({one for many in linked for one in many.split(";")},
                         {"stormlog::core", "Threads::Threads"})
        self.assertNotIn(str(SOURCE), targets)

    def test_headers_stay_in_their_own_folder_and_stand_alone(self):
        include = self.prefix / "include"
        self.assertEqual([entry.name for entry in include.iterdir()], ["stormlog"])
        headers = sorted(str(file.relative_to(include)) for file in include.rglob("*.hpp"))
        self.assertIn("stormlog/resilience/policy.hpp", headers)
        for header in headers:
            text = (include / header).read_text()
            self.assertNotRegex(text, r'#include "(common|resilience)/')
        folder = self.work / "alone"
        sources = [f"header_{i}.cpp" for i in range(len(headers))]
        self.configure("alone", f"""
cmake_minimum_required(VERSION 3.25)
project(alone LANGUAGES CXX)
find_package(stormlog_resilience REQUIRED)
add_library(alone OBJECT {" ".join(sources)})
target_link_libraries(alone PRIVATE stormlog::resilience)
""", check=False)
        for source, header in zip(sources, headers):
            # A folder of the user's with our folders' names changes nothing.
            (folder / source).write_text(f"#include <{header}>\n#include <{header}>\n")
        trap = folder / "common/base"
        trap.mkdir(parents=True)
        (trap / "clock.hpp").write_text("#error the wrong header\n")
        run(CMAKE, "-S", folder, "-B", folder / "build", f"-DCMAKE_CXX_FLAGS=-I{folder}")
        run(CMAKE, "--build", folder / "build")

    def test_another_version_is_refused(self):
        asked = """
cmake_minimum_required(VERSION 3.25)
project(other LANGUAGES CXX)
find_package(stormlog_resilience 99 REQUIRED)
"""
        done = self.configure("version", asked, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('requested version "99"', re.sub(r"\s+", " ", done.stdout))


if __name__ == "__main__":
    unittest.main()
