#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/fault/fault.hpp"
#include "chaos/fault/link_canary.hpp"
#include "chaos/fault/one_way.hpp"
#include "chaos/fault/proxy_client.hpp"

namespace stormlog::chaos {

// What one toxic of a link fault is: {"type":…,"attributes":{…}}.
struct LinkToxic {
  std::string type;
  nlohmann::ordered_json attributes;
  // What of it Toxiproxy does not have, in words for a person; empty where it has all of it.
  std::string beyond_toxiproxy{};
};

// `direction`, `toxicity`: what every link fault takes besides its own.
std::vector<document::ParamSpec> with_link_params(std::vector<document::ParamSpec> own);

// A fault on a link: a toxic in the proxy, in one direction or in both. What it does is measured on
// a canary connection.
class LinkFault : public Fault {
 public:
  LinkFault(const FaultContext& context, const document::Params& params, LinkToxic toxic);

  Result<void> preflight() override;
  nlohmann::ordered_json undo() const override;
  Result<void> inject() override;
  SelfCheck verify() override;
  Result<void> heal() override;

 protected:
  // Judges one canary. Each direction that the fault acts on must show it.
  virtual SelfCheck measure(LinkCanary& canary) = 0;

  bool acts_upstream() const { return direction_ != "downstream"; }
  bool acts_downstream() const { return direction_ != "upstream"; }
  int directions() const { return direction_ == "both" ? 2 : 1; }
  // Measures each direction that the fault acts on. All must be confirmed; where the toxicity
  // leaves some out, each direction draws for itself, and one that shows it is enough.
  SelfCheck each_way(LinkCanary& canary,
                     const std::function<SelfCheck(const OneWay&)>& measure_one) const;

 private:
  std::string spare() const { return "stormlog-canary-" + id_; }
  std::vector<nlohmann::ordered_json> toxics() const;
  Result<void> needs_our_proxy(const ProxyClient& proxy) const;
  Result<SelfCheck> try_canary(const ProxyClient& proxy, const LinkSpec& link);

  const Stack& stack_;
  std::string id_;
  std::string target_;
  LinkToxic toxic_;
  std::string direction_;
  double toxicity_;
  std::uint64_t seed_;
};

// Takes the toxics of an undo record away.
Result<void> heal_link(const Stack& stack, const nlohmann::ordered_json& undo);

// Judges a measured value: none where less than a tenth of what is expected is there, off target
// beyond the tolerance.
Effect compare(double measured, double expected, double tolerance);

}  // namespace stormlog::chaos
