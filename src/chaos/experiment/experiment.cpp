#include "chaos/experiment/experiment.hpp"

#include <algorithm>

#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using document::Diagnostics;
using document::Node;

const Word* find_word(const std::vector<Word>& words, const std::string& name) {
  for (const Word& word : words) {
    if (word.name == name) return &word;
  }
  return nullptr;
}

std::vector<std::string> names_of(const std::vector<Word>& words) {
  std::vector<std::string> names;
  for (const Word& word : words) names.push_back(word.name);
  return names;
}

std::optional<Nanoseconds> read_duration(const Node& node, const std::string& what,
                                         Diagnostics& diagnostics) {
  const auto duration = units::parse_duration(node.scalar);
  if (!node.is_scalar() || !duration.ok()) {
    diagnostics.error(node, what + " must be a duration such as 10s or 250ms" +
                                (node.is_scalar() ? ", not \"" + node.scalar + "\"" : ""));
    return std::nullopt;
  }
  if (*duration < Nanoseconds{0}) {
    diagnostics.error(node, what + " cannot be negative");
    return std::nullopt;
  }
  return *duration;
}

std::string read_text(const Node& node, const std::string& what, Diagnostics& diagnostics) {
  if (!node.is_scalar() || node.scalar.empty()) {
    diagnostics.error(node, what + " must be a text, not " + std::string(kind_name(node)));
    return {};
  }
  return node.scalar;
}

// "http http://127.0.0.1:8080/readyz": the kind and the parameter that tells probes apart.
std::string label_of(const Node& map, const std::string& kind) {
  for (const char* key : {"url", "query", "service", "port", "pid_file"}) {
    if (const Node* node = map.find(key); node != nullptr && node->is_scalar()) {
      return kind + " " + node->scalar;
    }
  }
  return kind;
}

Tolerance default_tolerance(const Word& word, const Node& at, Diagnostics& diagnostics) {
  auto node = document::parse_yaml(word.default_expect, "default of probe " + word.name);
  if (!node.ok()) {
    diagnostics.error(at, node.error().message);
    return {};
  }
  return Tolerance::parse(*node, diagnostics);
}

std::optional<ProbeStep> parse_probe(const Node& map, const Vocabulary& vocabulary, bool stop_probe,
                                     Diagnostics& diagnostics) {
  if (!map.is_map()) {
    diagnostics.error(map, "a probe is a map such as {probe: http, url: …, expect: {status: 200}}");
    return std::nullopt;
  }
  const Node* kind = map.find("probe");
  if (kind == nullptr) {
    diagnostics.error(map, "the probe's kind is missing: {probe: http, …}");
    return std::nullopt;
  }
  const Word* word = vocabulary.probe(kind->scalar);
  if (word == nullptr) {
    diagnostics.error(*kind, "unknown probe \"" + kind->scalar + "\"" +
                                 did_you_mean(kind->scalar, names_of(vocabulary.probes)));
    return std::nullopt;
  }
  ProbeStep step;
  step.kind = word->name;
  step.place = map.place();
  std::vector<std::string> others = {"probe", "expect", "name"};
  if (stop_probe) others.push_back("for");
  step.params =
      parse_params(map, word->params, others, "probe \"" + word->name + "\"", diagnostics);
  const Node* name = map.find("name");
  step.label = name != nullptr ? read_text(*name, "name", diagnostics) : label_of(map, word->name);
  if (const Node* expect = map.find("expect"); expect != nullptr) {
    step.expect = Tolerance::parse(*expect, diagnostics);
  } else if (!word->default_expect.empty()) {
    step.expect = default_tolerance(*word, map, diagnostics);
  } else {
    diagnostics.error(
        map, "probe \"" + word->name + "\" needs expect: what should hold, such as {max: 5000}");
  }
  if (const Node* hold = map.find("for"); stop_probe && hold != nullptr) {
    step.for_ = read_duration(*hold, "for", diagnostics).value_or(Nanoseconds{0});
  }
  return step;
}

std::vector<ProbeStep> parse_probe_list(const Node& list, const Vocabulary& vocabulary,
                                        bool stop_probes, Diagnostics& diagnostics) {
  std::vector<ProbeStep> probes;
  if (list.is_null()) return probes;
  if (!list.is_list()) {
    diagnostics.error(list, "expected a list of probes, not " + std::string(kind_name(list)));
    return probes;
  }
  for (const Node& item : list.items) {
    if (auto probe = parse_probe(item, vocabulary, stop_probes, diagnostics)) {
      probes.push_back(std::move(*probe));
    }
  }
  return probes;
}

class Parser {
 public:
  Parser(const Vocabulary& vocabulary, const TargetNames& targets, Diagnostics& diagnostics)
      : vocabulary_(vocabulary), targets_(targets), diagnostics_(diagnostics) {}

  Experiment parse(const Node& root) {
    Experiment experiment;
    if (!root.is_map()) {
      diagnostics_.error(root, "an experiment is a map with title, method and expect");
      return experiment;
    }
    for (const auto& [key, value] : root.entries) section(key, value, experiment);
    require(root, experiment);
    return experiment;
  }

 private:
  void section(const Node& key, const Node& value, Experiment& experiment) {
    static const std::vector<std::string> kSections = {
        "title",        "hypothesis", "tags",   "seed",      "load",
        "steady_state", "method",     "expect", "stop_when", "limits"};
    const std::string& name = key.scalar;
    if (name == "title") {
      experiment.title = read_text(value, "title", diagnostics_);
    } else if (name == "hypothesis") {
      experiment.hypothesis = read_text(value, "hypothesis", diagnostics_);
    } else if (name == "tags") {
      tags(value, experiment);
    } else if (name == "seed") {
      seed(value, experiment);
    } else if (name == "load") {
      if (!value.is_map()) {
        diagnostics_.error(value, "load must be a map such as {rate: 2000/s, concurrency: 100}");
      } else {
        experiment.load = parse_params(value, vocabulary_.load, {}, "load", diagnostics_);
      }
    } else if (name == "steady_state") {
      experiment.steady_state = parse_probe_list(value, vocabulary_, false, diagnostics_);
    } else if (name == "stop_when") {
      experiment.stop_when = parse_probe_list(value, vocabulary_, true, diagnostics_);
    } else if (name == "method") {
      method(value, experiment);
    } else if (name == "expect") {
      expect(value, experiment);
    } else if (name == "limits") {
      limits(value, experiment);
    } else {
      diagnostics_.error(key, "unknown key \"" + name + "\"" + did_you_mean(name, kSections));
    }
  }

  void tags(const Node& value, Experiment& experiment) {
    if (!value.is_list()) {
      diagnostics_.error(value, "tags must be a list of words");
      return;
    }
    for (const Node& tag : value.items) {
      experiment.tags.push_back(read_text(tag, "a tag", diagnostics_));
    }
  }

  void seed(const Node& value, Experiment& experiment) {
    const auto number = units::parse_int(value.is_scalar() ? value.scalar : "");
    if (!number.ok() || *number < 0) {
      diagnostics_.error(value, "seed must be a whole number from 0");
      return;
    }
    experiment.seed = static_cast<std::uint64_t>(*number);
  }

  void method(const Node& value, Experiment& experiment) {
    if (!value.is_list()) {
      diagnostics_.error(value, "method must be a list of faults; [] for a run without one");
      return;
    }
    for (const Node& item : value.items) {
      if (auto step = fault(item)) experiment.method.push_back(std::move(*step));
    }
  }

  std::optional<FaultStep> fault(const Node& item) {
    const Node* kind = item.find("fault");
    if (!item.is_map() || kind == nullptr) {
      diagnostics_.error(item,
                         "a step of the method is a map such as "
                         "{at: 10s, fault: service_kill, target: postgresql}");
      return std::nullopt;
    }
    const Word* word = vocabulary_.fault(kind->scalar);
    if (word == nullptr) {
      diagnostics_.error(*kind, "unknown fault \"" + kind->scalar + "\"" +
                                    did_you_mean(kind->scalar, names_of(vocabulary_.faults)));
      return std::nullopt;
    }
    FaultStep step;
    step.fault = word->name;
    step.place = item.place();
    step.params = parse_params(item, word->params, {"fault", "at", "for", "target"},
                               "fault \"" + word->name + "\"", diagnostics_);
    if (const Node* at = item.find("at")) step.at = read_duration(*at, "at", diagnostics_);
    duration(item, *word, step);
    target(item, *word, step);
    return step;
  }

  void duration(const Node& item, const Word& word, FaultStep& step) {
    const Node* node = item.find("for");
    if (node == nullptr) {
      if (word.duration == Word::Duration::required) {
        diagnostics_.error(item, "fault \"" + word.name +
                                     "\" lasts: say how long before it is healed, as in for: 10s");
      }
      return;
    }
    if (word.duration == Word::Duration::refused) {
      diagnostics_.error(*node, "fault \"" + word.name + "\" happens once and takes no for");
      return;
    }
    step.duration = read_duration(*node, "for", diagnostics_);
    if (step.duration && *step.duration == Nanoseconds{0}) {
      diagnostics_.error(*node, "for must be longer than 0");
    }
  }

  void target(const Node& item, const Word& word, FaultStep& step) {
    const Node* node = item.find("target");
    if (node == nullptr) {
      diagnostics_.error(item, "fault \"" + word.name + "\" needs a target: a " + word.target_kind +
                                   " of the stack");
      return;
    }
    step.target = read_text(*node, "target", diagnostics_);
    if (step.target.empty()) return;
    static const std::vector<std::string> kNone;
    const auto known = targets_.find(word.target_kind);
    const auto& names = known == targets_.end() ? kNone : known->second;
    if (std::find(names.begin(), names.end(), step.target) == names.end()) {
      diagnostics_.error(*node, "\"" + step.target + "\" is no " + word.target_kind +
                                    " of the stack" + did_you_mean(step.target, names));
    }
  }

  void expect(const Node& value, Experiment& experiment) {
    if (!value.is_list()) {
      diagnostics_.error(value, "expect must be a list of checks, such as [no_loss, exactly_once]");
      return;
    }
    for (const Node& item : value.items) {
      const Node* kind = item.is_scalar() ? &item : item.find("check");
      if (kind == nullptr || !kind->is_scalar()) {
        diagnostics_.error(item,
                           "a check is a name or a map such as {check: recovered, within: 30s}");
        continue;
      }
      const Word* word = vocabulary_.check(kind->scalar);
      if (word == nullptr) {
        diagnostics_.error(*kind, "unknown check \"" + kind->scalar + "\"" +
                                      did_you_mean(kind->scalar, names_of(vocabulary_.checks)));
        continue;
      }
      Node parameters = item;
      if (item.is_scalar()) {
        parameters.kind = Node::Kind::map;
        parameters.scalar.clear();
      }
      experiment.expect.push_back({word->name,
                                   parse_params(parameters, word->params, {"check"},
                                                "check \"" + word->name + "\"", diagnostics_),
                                   item.place()});
    }
  }

  void limits(const Node& value, Experiment& experiment) {
    static const std::vector<document::ParamSpec> kSpecs = {
        {.name = "max_targets",
         .type = document::ParamType::integer,
         .default_text = "1",
         .description = "Targets that may be under a fault at the same time.",
         .min = 1},
        {.name = "ttl",
         .type = document::ParamType::duration,
         .description = "No fault lasts longer than this, whoever dies."},
        {.name = "max_duration",
         .type = document::ParamType::duration,
         .description = "The run is aborted and healed after this time."},
    };
    if (!value.is_map()) {
      diagnostics_.error(value, "limits must be a map such as {max_targets: 1, ttl: 60s}");
      return;
    }
    const auto params = parse_params(value, kSpecs, {}, "limits", diagnostics_);
    if (!diagnostics_.ok()) return;
    experiment.limits.max_targets = static_cast<int>(params.integer("max_targets"));
    if (params.has("ttl")) experiment.limits.ttl = params.duration("ttl");
    if (params.has("max_duration"))
      experiment.limits.max_duration = params.duration("max_duration");
  }

  void require(const Node& root, const Experiment& experiment) {
    for (const char* key : {"title", "method", "expect"}) {
      if (root.find(key) == nullptr) {
        diagnostics_.error(root, std::string(key) + " is missing");
      }
    }
    const Node* expected = root.find("expect");
    if (expected != nullptr && expected->is_list() && expected->items.empty()) {
      diagnostics_.error(*expected, "expect is empty: a run that checks nothing proves nothing");
    }
    if (experiment.limits.ttl == Nanoseconds{0}) return;
    for (const FaultStep& step : experiment.method) {
      if (step.duration && *step.duration > experiment.limits.ttl) {
        diagnostics_.error(step.place, "for: " + units::format_duration(*step.duration) +
                                           " is longer than limits.ttl " +
                                           units::format_duration(experiment.limits.ttl));
      }
    }
  }

  const Vocabulary& vocabulary_;
  const TargetNames& targets_;
  Diagnostics& diagnostics_;
};

}  // namespace

const Word* Vocabulary::fault(const std::string& name) const {
  return find_word(faults, name);
}
const Word* Vocabulary::probe(const std::string& name) const {
  return find_word(probes, name);
}
const Word* Vocabulary::check(const std::string& name) const {
  return find_word(checks, name);
}

Result<Experiment> parse_experiment(const Node& root, const Vocabulary& vocabulary,
                                    const document::Variables& variables,
                                    const TargetNames& targets) {
  Diagnostics diagnostics;
  Node substituted = root;
  document::substitute(substituted, variables, diagnostics);
  Experiment experiment = Parser(vocabulary, targets, diagnostics).parse(substituted);
  if (root.file) experiment.file = *root.file;
  if (auto result = diagnostics.result(); !result.ok()) return result.error();
  return experiment;
}

std::vector<ProbeStep> parse_probes(const Node& list, const Vocabulary& vocabulary,
                                    Diagnostics& diagnostics) {
  return parse_probe_list(list, vocabulary, false, diagnostics);
}

}  // namespace stormlog::chaos
