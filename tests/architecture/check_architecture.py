#!/usr/bin/env python3
"""Checks the include graph of the source tree against rules.py.

Usage: check_architecture.py [ROOT]

Fails, naming file and line, on
  - an include against the dependency direction,
  - an include of a module that the including module does not link (LINKS, directly or through them),
  - a link to a module that must not be included,
  - a cycle of files, or of modules,
  - an include that names no file of the tree, or leaves it by "..",
  - a third-party header outside its place,
  - a module that the rules do not know.
"""
import fnmatch
import re
import sys
from pathlib import Path

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SOURCE_SUFFIXES = {".cpp", ".hpp", ".c", ".h"}


def matches(module, patterns):
    return any(fnmatch.fnmatchcase(module, one) for one in patterns)


def allowed_for(module):
    """Patterns that `module` may include; None when no rule knows it."""
    for names, allowed in rules.MAY_INCLUDE:
        if matches(module, names.split("|")):
            return allowed
    return None


class Tree:
    """Modules, files and includes below a root that has src/ and perhaps apps/."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        self.errors = []
        self.modules = {}  # path of module -> folder
        self.targets = {}  # CMake module name -> path of module
        self.links = {}  # path of module -> set of CMake module names, LINKS
        self.test_links = {}  # the same, TEST_LINKS
        self.includes = {}  # file -> [(line, included file)]
        self._find_modules()
        self._read_files()

    def error(self, file, line, text):
        self.errors.append(f"{file.relative_to(self.root)}:{line}: {text}")

    def module_of(self, file):
        """The innermost module that holds the file; None outside of all."""
        for folder in file.parents:
            for base in ("src", "apps"):
                top = self.root / base
                if folder != top and folder.is_relative_to(top):
                    relative = folder.relative_to(top)
                    name = str(relative) if base == "src" else f"apps/{relative}"
                    if name in self.modules:
                        return name
        return None

    def _find_modules(self):
        for base in ("src", "apps"):
            for cmake in sorted((self.root / base).glob("**/CMakeLists.txt")):
                folder = cmake.parent
                if folder == self.root / base:
                    continue
                relative = str(folder.relative_to(self.root / base))
                name = relative if base == "src" else f"apps/{relative}"
                self.modules[name] = folder
                self._read_cmake(name, cmake)

    def _read_cmake(self, module, cmake):
        text = re.sub(r"#.*", "", cmake.read_text())
        links, test_links = set(), set()
        for call in re.finditer(r"stormlog_module\s*\(([^)]*)\)", text):
            words = call.group(1).split()
            self.targets[words[0]] = module
            keyword = ""
            for word in words[1:]:
                if word in ("SOURCES", "TESTS", "LINKS", "TEST_LINKS"):
                    keyword = word
                elif keyword == "LINKS":
                    links.add(word)
                elif keyword == "TEST_LINKS":
                    test_links.add(word)
        for call in re.finditer(r"target_link_libraries\s*\(([^)]*)\)", text):
            links.update(call.group(1).split()[1:])
        # foreach() over module names builds them from parts: take such names at their word.
        for call in re.finditer(r"foreach\s*\(([^)]*)\)", text):
            links.update(f"stormlog::{word}" for word in call.group(1).split()[1:])
        ours = re.compile(r"^stormlog(?:::|_)(\w+)$")
        self.links[module] = {m.group(1) for m in map(ours.match, links) if m}
        self.test_links[module] = {m.group(1) for m in map(ours.match, test_links) if m}

    def _read_files(self):
        for base in ("src", "apps"):
            for file in sorted((self.root / base).glob("**/*")):
                if file.suffix in SOURCE_SUFFIXES and file.is_file():
                    self._read_file(file)

    def _read_file(self, file):
        module = self.module_of(file)
        found = []
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, angled = match.groups()
            if angled:
                self._check_third_party(file, number, module, angled)
                continue
            if ".." in Path(quoted).parts:
                self.error(file, number, f'"{quoted}": write it relative to src/')
                continue
            candidates = [self.root / "src" / quoted]
            if file.is_relative_to(self.root / "apps"):
                candidates.append(file.parent / quoted)
            target = next((one for one in candidates if one.is_file()), None)
            if target is None:
                self.error(file, number, f'"{quoted}" is no file below src/')
                continue
            found.append((number, target))
        self.includes[file] = found

    def _check_third_party(self, file, number, module, header):
        for pattern, places in rules.ONLY_IN:
            if fnmatch.fnmatchcase(header, pattern) and not matches(module or "", places):
                self.error(file, number, f"<{header}> belongs in {' and '.join(places)} only")

    def linked(self, module, for_test):
        """Paths of the modules that `module` links, directly or through those it links."""
        names = set(self.links.get(module, set()))
        if for_test:
            names |= self.test_links.get(module, set())
        seen, todo = set(), [self.targets[name] for name in names if name in self.targets]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += [self.targets[n] for n in self.links.get(one, set()) if n in self.targets]
        return seen

    def check(self):
        for module, folder in self.modules.items():
            allowed = allowed_for(module)
            cmake = folder / "CMakeLists.txt"
            if allowed is None:
                self.error(cmake, 1, f"module {module} is in no line of tests/architecture/rules.py")
                continue
            for name in sorted(self.links[module] | self.test_links[module]):
                target = self.targets.get(name)
                if target and target != module and not matches(target, allowed):
                    self.error(cmake, 1, f"{module} must not link {target} (stormlog::{name})")
        self._check_directions()
        self._check_file_cycles()
        self._check_module_cycles()
        return self.errors

    def _check_directions(self):
        for file, includes in self.includes.items():
            module = self.module_of(file)
            if module is None:
                # A folder without CMakeLists.txt is not built yet; its top folder's rule holds.
                continue
            allowed = allowed_for(module) or []
            for number, target in includes:
                other = self.module_of(target)
                if other in (None, module):
                    continue
                if not matches(other, allowed):
                    self.error(file, number, f"{module} must not include {other}")
                elif other not in self.linked(module, for_test="test" in file.stem.split("_")):
                    self.error(file, number, f"{module} includes {other} but does not link it")

    def _check_file_cycles(self):
        graph = {file: [target for _, target in found] for file, found in self.includes.items()}
        for cycle in find_cycles(graph):
            names = [str(file.relative_to(self.root)) for file in cycle]
            self.error(cycle[0], 1, "include cycle: " + " -> ".join(names + names[:1]))

    def _check_module_cycles(self):
        graph = {module: set() for module in self.modules}
        for file, includes in self.includes.items():
            module = self.module_of(file)
            # A test may use a neighbour's fakes; only what is shipped makes the direction.
            if module is None or "test" in file.stem.split("_"):
                continue
            graph[module] |= {self.module_of(target) for _, target in includes} - {module, None}
        for cycle in find_cycles(graph):
            self.error(self.modules[cycle[0]] / "CMakeLists.txt", 1,
                       "cycle of modules: " + " -> ".join(cycle + cycle[:1]))


def find_cycles(graph):
    """One cycle for each strongly tied group, found depth first without recursion."""
    state, cycles = {}, []
    for start in graph:
        if start in state:
            continue
        path, stack = [start], [iter(graph.get(start, ()))]
        state[start] = "open"
        while stack:
            for following in stack[-1]:
                if state.get(following) == "open":
                    cycles.append(path[path.index(following):])
                elif following not in state:
                    state[following] = "open"
                    path.append(following)
                    stack.append(iter(graph.get(following, ())))
                    break
            else:
                state[path.pop()] = "done"
                stack.pop()
    return cycles


def main():
    if len(sys.argv) > 2 or "--help" in sys.argv:
        print(__doc__)
        return 2
    root = Path(sys.argv[1] if len(sys.argv) == 2 else Path(__file__).parents[2])
    tree = Tree(root)
    errors = tree.check()
    for error in errors:
        print(error)
    count = sum(len(found) for found in tree.includes.values())
    print(f"{len(tree.modules)} modules, {len(tree.includes)} files, {count} includes, "
          f"{len(errors)} errors")
    if not tree.modules or not count:
        print("nothing was checked: is this the root of the repository?")
        return 1
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
