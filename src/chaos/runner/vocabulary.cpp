#include "chaos/runner/vocabulary.hpp"

#include "chaos/check/check.hpp"
#include "chaos/fault/fault.hpp"
#include "chaos/load/load.hpp"
#include "chaos/probe/probe.hpp"

namespace stormlog::chaos {
namespace {

Word::Duration duration_of(FaultKind::Duration duration) {
  switch (duration) {
    case FaultKind::Duration::one_off:
      return Word::Duration::refused;
    case FaultKind::Duration::lasting:
      return Word::Duration::required;
    case FaultKind::Duration::either:
      return Word::Duration::optional;
  }
  return Word::Duration::refused;
}

Vocabulary collect() {
  Vocabulary words;
  for (const FaultKind* kind : fault_kinds()) {
    words.faults.push_back({.name = kind->name,
                            .params = kind->params,
                            .duration = duration_of(kind->duration),
                            .target_kind = kind->target_kind,
                            .default_expect = {}});
  }
  for (const ProbeKind* kind : probe_kinds()) {
    words.probes.push_back(
        {.name = kind->name, .params = kind->params, .default_expect = kind->default_expect});
  }
  for (const CheckKind* kind : check_kinds()) {
    words.checks.push_back({.name = kind->name, .params = kind->params, .default_expect = {}});
  }
  words.load = LoadSpec::param_specs();
  return words;
}

}  // namespace

const Vocabulary& vocabulary() {
  static const Vocabulary words = collect();
  return words;
}

}  // namespace stormlog::chaos
