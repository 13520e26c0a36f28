#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/document/params.hpp"

// The words of experiment files, as `list` and `describe` show them.
namespace stormlog::cli {

// One registered fault, probe, check or toxic.
struct WordInfo {
  std::string group;  // "fault", "probe", "check", "toxic"
  std::string name;
  std::string summary;
  std::vector<document::ParamSpec> params;  // with those that every word of its group takes
  std::string example;                      // one line of a file
};

// Of one group ("faults", "probes", "checks", "toxics") or, with "", of all, in the order of the
// registries.
std::vector<WordInfo> words_of(const std::string& plural);

nlohmann::ordered_json to_json(const WordInfo& word);

}  // namespace stormlog::cli
