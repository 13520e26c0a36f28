#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/process.hpp"
#include "common/base/result.hpp"

// The folders of runs: HOME/runs/<UTC time>-<slug>/.
namespace stormlog::chaos {

// "producer-kill" of "experiments/producer-kill.yaml" or of a title.
std::string slug_of(const std::string& text);

struct RunFolder {
  std::filesystem::path path;
  std::string name;  // the folder's name; also the mark of the run's events
};

// Creates a folder that did not exist before: two runs within a second get names of their own.
Result<RunFolder> create_run_folder(const std::filesystem::path& runs, const std::string& slug,
                                    WallTime now);

// engine.json: who is running this run, so that `stormlog abort` finds it. Removed at the end.
Result<void> write_engine(const RunFolder& folder);
void remove_engine(const RunFolder& folder);
// The living engine of a run; empty when it has ended.
std::optional<ProcessIdentity> read_engine(const std::filesystem::path& folder);

// The newest first. Folders without a journal are left out.
std::vector<std::filesystem::path> list_run_folders(const std::filesystem::path& runs);

}  // namespace stormlog::chaos
