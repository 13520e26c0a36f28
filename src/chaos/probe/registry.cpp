#include "chaos/probe/probe.hpp"

namespace stormlog::chaos {

extern const ProbeKind kHttpProbe;
extern const ProbeKind kPrometheusProbe;
extern const ProbeKind kProcessProbe;
extern const ProbeKind kRedisProbe;
extern const ProbeKind kSqlProbe;

const std::vector<const ProbeKind*>& probe_kinds() {
  static const std::vector<const ProbeKind*> kinds = {
      &kHttpProbe, &kPrometheusProbe, &kProcessProbe, &kRedisProbe, &kSqlProbe,
  };
  return kinds;
}

const ProbeKind* find_probe_kind(const std::string& name) {
  for (const ProbeKind* kind : probe_kinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

}  // namespace stormlog::chaos
