#include "experiment_file.hpp"

#include "chaos/probe/probe.hpp"
#include "chaos/runner/vocabulary.hpp"

namespace stormlog::cli {
namespace {

void make_probes(const std::vector<chaos::ProbeStep>& steps, const chaos::Stack& stack,
                 document::Diagnostics& diagnostics) {
  for (const chaos::ProbeStep& step : steps) {
    const auto made = chaos::find_probe_kind(step.kind)->make(stack, step.params);
    if (!made.ok()) {
      diagnostics.error(step.place, "probe \"" + step.kind + "\": " + made.error().message);
    }
  }
}

}  // namespace

Result<chaos::Experiment> load_experiment(const std::filesystem::path& file,
                                          const chaos::Stack& stack,
                                          const document::Variables& vars) {
  const auto root = document::load_yaml(file);
  if (!root.ok()) return root.error();
  document::Variables variables = stack.variables;
  for (const auto& [name, value] : vars) variables[name] = value;
  const chaos::TargetNames targets = {{"service", stack.service_names()},
                                      {"link", stack.link_names()}};
  auto experiment = chaos::parse_experiment(*root, chaos::vocabulary(), variables, targets);
  if (!experiment.ok()) return experiment.error();
  experiment->file = file;
  document::Diagnostics diagnostics;
  make_probes(experiment->steady_state, stack, diagnostics);
  make_probes(experiment->stop_when, stack, diagnostics);
  if (auto result = diagnostics.result(); !result.ok()) return result.error();
  return experiment;
}

}  // namespace stormlog::cli
