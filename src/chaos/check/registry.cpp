#include "chaos/check/check.hpp"

namespace stormlog::chaos {

extern const CheckKind kNoLossCheck;
extern const CheckKind kExactlyOnceCheck;
extern const CheckKind kOrderedCheck;
extern const CheckKind kRecoveredCheck;
extern const CheckKind kBreakerCheck;
extern const CheckKind kFailFastCheck;
extern const CheckKind kLatencyCheck;
extern const CheckKind kErrorRateCheck;
extern const CheckKind kNoCrashCheck;
extern const CheckKind kSteadyStateCheck;
extern const CheckKind kMemoryCheck;

const std::vector<const CheckKind*>& check_kinds() {
  static const std::vector<const CheckKind*> kinds = {
      &kNoLossCheck,  &kExactlyOnceCheck, &kOrderedCheck, &kRecoveredCheck,
      &kBreakerCheck, &kFailFastCheck,    &kLatencyCheck, &kErrorRateCheck,
      &kNoCrashCheck, &kSteadyStateCheck, &kMemoryCheck,
  };
  return kinds;
}

const CheckKind* find_check_kind(const std::string& name) {
  for (const CheckKind* kind : check_kinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

}  // namespace stormlog::chaos
