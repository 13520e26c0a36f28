#pragma once

#include <string>

#include "chaos/runner/verdict.hpp"

namespace stormlog::chaos {

// The run as a JUnit test suite: one test case for each check. Unknown is an error, since a CI
// server counts what is skipped as good; it is skipped only where the run itself ended as invalid
// or aborted, which is then an error of the test case "run".
//
// Source: the XML schema of Jenkins' xUnit plugin, junit-10.xsd.
std::string junit_xml(const RunOutcome& outcome);

}  // namespace stormlog::chaos
