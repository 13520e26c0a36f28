#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/tolerance.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/document/node.hpp"
#include "common/document/params.hpp"

// An experiment file, parsed and checked, before anything is planned.
namespace stormlog::chaos {

// A kind of fault, probe or check, as far as a file can be checked against it.
struct Word {
  std::string name;
  std::vector<document::ParamSpec> params;
  // Faults: whether `for` is refused, required or optional.
  enum class Duration { refused, required, optional } duration = Duration::refused;
  std::string target_kind = {};  // faults: "service", "link"
  // Probes: what is expected when the file does not say; "" = it must say.
  std::string default_expect;
};

// The words that experiment files may use. Handed in, so that parsing knows no implementation.
struct Vocabulary {
  std::vector<Word> faults;
  std::vector<Word> probes;
  std::vector<Word> checks;
  std::vector<document::ParamSpec> load;

  const Word* fault(const std::string& name) const;
  const Word* probe(const std::string& name) const;
  const Word* check(const std::string& name) const;
};

// What faults can hit, by the kind of target: {"service": [...], "link": [...]}.
using TargetNames = std::map<std::string, std::vector<std::string>>;

struct ProbeStep {
  std::string kind;
  std::string label;  // `name`, else made of the kind and its main parameter
  document::Params params;
  Tolerance expect;
  // stop_when: the run is aborted when the expectation has not held for this long.
  Nanoseconds for_{0};
  std::string place;
};

struct FaultStep {
  std::string fault;
  std::string target;
  std::optional<Nanoseconds> at;        // from the load's start; empty = when the one before ended
  std::optional<Nanoseconds> duration;  // `for`
  document::Params params;
  std::string place;
};

struct CheckStep {
  std::string check;
  document::Params params;
  std::string place;
};

struct Limits {
  int max_targets = 1;          // targets under a fault at the same time
  Nanoseconds ttl{0};           // no fault lasts longer; 0 = as long as its `for` and a minute
  Nanoseconds max_duration{0};  // of the whole run; 0 = planned time and drain time and 10 min
};

struct Experiment {
  std::filesystem::path file;
  std::string title;
  std::string hypothesis;
  std::vector<std::string> tags;
  std::optional<std::uint64_t> seed;
  std::optional<document::Params> load;
  std::vector<ProbeStep> steady_state;
  std::vector<FaultStep> method;
  std::vector<CheckStep> expect;
  std::vector<ProbeStep> stop_when;
  Limits limits;
};

// Parses an experiment. `variables` are those of the stack and of --var.
//
// Errors: permanent; all mistakes at once, each with file:line and what would be right.
Result<Experiment> parse_experiment(const document::Node& root, const Vocabulary& vocabulary,
                                    const document::Variables& variables,
                                    const TargetNames& targets);

// A list of probes outside an experiment, such as the stack's ledger.drained.
std::vector<ProbeStep> parse_probes(const document::Node& list, const Vocabulary& vocabulary,
                                    document::Diagnostics& diagnostics);

}  // namespace stormlog::chaos
