#pragma once

#include <filesystem>

#include "chaos/experiment/experiment.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/result.hpp"

namespace stormlog::cli {

// Reads and checks an experiment against the words of this program and the stack: its services are
// the targets, its variables and `vars` (which win) are what ${…} means. The probes are made as a
// run would make them, so that a bad URL or an unknown service is found before anything runs.
//
// Errors: permanent; all mistakes at once, each with file:line and what would be right.
Result<chaos::Experiment> load_experiment(const std::filesystem::path& file,
                                          const chaos::Stack& stack,
                                          const document::Variables& vars);

}  // namespace stormlog::cli
