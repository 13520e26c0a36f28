#include "chaos/fault/fault.hpp"

namespace stormlog::chaos {

extern const FaultKind kNetworkBandwidthFault;
extern const FaultKind kNetworkLatencyFault;
extern const FaultKind kNetworkLimitFault;
extern const FaultKind kNetworkLossFault;
extern const FaultKind kNetworkPartitionFault;
extern const FaultKind kNetworkResetFault;
extern const FaultKind kNetworkSlicerFault;
extern const FaultKind kServiceKillFault;
extern const FaultKind kServicePauseFault;
extern const FaultKind kServiceRestartFault;

const std::vector<const FaultKind*>& fault_kinds() {
  static const std::vector<const FaultKind*> kinds = {
      &kNetworkBandwidthFault, &kNetworkLatencyFault, &kNetworkLimitFault,  &kNetworkLossFault,
      &kNetworkPartitionFault, &kNetworkResetFault,   &kNetworkSlicerFault, &kServiceKillFault,
      &kServicePauseFault,     &kServiceRestartFault,
  };
  return kinds;
}

const FaultKind* find_fault_kind(const std::string& name) {
  for (const FaultKind* kind : fault_kinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

}  // namespace stormlog::chaos
