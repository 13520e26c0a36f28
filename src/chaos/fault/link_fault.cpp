#include "chaos/fault/link_fault.hpp"

#include <algorithm>
#include <cmath>

#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostCanaries = 60;

// So many that one of them is hit, but for one time in a thousand.
int canaries_for(double toxicity) {
  if (toxicity >= 1) return 1;
  const double tries = std::log(0.001) / std::log(1 - toxicity);
  return std::clamp(static_cast<int>(std::ceil(tries)), 1, kMostCanaries);
}

}  // namespace

std::vector<document::ParamSpec> with_link_params(std::vector<document::ParamSpec> own) {
  own.push_back({.name = "direction",
                 .default_text = "both",
                 .description = "upstream is what the client sends, downstream what it receives.",
                 .choices = {"both", "upstream", "downstream"}});
  own.push_back({.name = "toxicity",
                 .type = document::ParamType::number,
                 .default_text = "1",
                 .description = "The share of connections that are hit.",
                 .min = 0.05,
                 .max = 1});
  return own;
}

LinkFault::LinkFault(const FaultContext& context, const document::Params& params, LinkToxic toxic)
    : stack_(context.stack),
      id_(context.id),
      target_(context.target),
      toxic_(std::move(toxic)),
      direction_(params.text("direction")),
      toxicity_(params.number("toxicity")),
      seed_(context.seed) {}

std::vector<Json> LinkFault::toxics() const {
  std::vector<Json> toxics;
  for (const char* stream : {"upstream", "downstream"}) {
    if (direction_ != "both" && direction_ != stream) continue;
    toxics.push_back({{"name", id_ + "_" + stream},
                      {"type", toxic_.type},
                      {"stream", stream},
                      {"toxicity", toxicity_},
                      {"seed", seed_},
                      {"attributes", toxic_.attributes}});
  }
  return toxics;
}

Result<void> LinkFault::preflight() {
  const LinkSpec* link = stack_.link(target_);
  if (link == nullptr) {
    return Error::permanent("\"" + target_ + "\" is no link" +
                            did_you_mean(target_, stack_.link_names()));
  }
  const auto proxy = ProxyClient::of(stack_);
  if (!proxy.ok()) return proxy.error();
  const auto found = proxy->proxy(target_);
  if (!found.ok()) {
    if (found.error().code != "404") return found.error();
    return Error::permanent("the proxy at " + proxy->api() + " has no proxy \"" + target_ +
                            "\" for the link of that name");
  }
  if (!found->value("enabled", false)) {
    return Error::permanent("the proxy \"" + target_ + "\" at " + proxy->api() + " is disabled");
  }
  return toxic_.beyond_toxiproxy.empty() ? Result<void>{} : needs_our_proxy(*proxy);
}

// Toxiproxy refuses a type that it does not have, but only once half of the fault may be in; and an
// attribute that it does not have it ignores.
Result<void> LinkFault::needs_our_proxy(const ProxyClient& proxy) const {
  const auto knows = proxy.knows_canaries(target_);
  if (!knows.ok()) return knows.error();
  if (*knows) return {};
  return Error::permanent("the proxy at " + proxy.api() + " is not `stormlog proxy`, and " +
                          toxic_.beyond_toxiproxy + " is unknown to Toxiproxy");
}

Json LinkFault::undo() const {
  Json names = Json::array();
  for (const Json& toxic : toxics()) names.push_back(toxic["name"]);
  return {{"api", stack_.proxy ? stack_.proxy->api : ""},
          {"proxy", target_},
          {"toxics", names},
          {"spare", spare()}};
}

Result<void> LinkFault::inject() {
  const auto proxy = ProxyClient::of(stack_);
  if (!proxy.ok()) return proxy.error();
  for (const Json& toxic : toxics()) {
    if (auto added = proxy->add_toxic(target_, toxic); !added.ok()) return added;
  }
  return {};
}

Result<SelfCheck> LinkFault::try_canary(const ProxyClient& proxy, const LinkSpec& link) {
  auto canary = LinkCanary::open(proxy, link, toxics(), spare());
  if (!canary.ok()) return canary.error();
  return measure(*canary);
}

SelfCheck LinkFault::verify() {
  const auto proxy = ProxyClient::of(stack_);
  const LinkSpec* link = stack_.link(target_);
  if (!proxy.ok() || link == nullptr) return {};
  SelfCheck last;
  const int most = canaries_for(toxicity_);
  int tried = 0;
  while (tried < most) {
    ++tried;
    auto check = try_canary(*proxy, *link);
    if (!check.ok()) {
      last = {Effect::unknown, {{"error", check.error().message}}};
      break;
    }
    last = std::move(*check);
    // Not hit, as some are not.
    if (last.effect != Effect::none) break;
  }
  if (most > 1) last.measured["canaries"] = tried;
  return last;
}

SelfCheck LinkFault::each_way(LinkCanary& canary,
                              const std::function<SelfCheck(const OneWay&)>& measure_one) const {
  SelfCheck all{Effect::confirmed, Json::object()};
  bool any_confirmed = false;
  const auto look = [&](const OneWay& way) {
    SelfCheck one = measure_one(way);
    all.measured[way.name] = std::move(one.measured);
    any_confirmed = any_confirmed || one.effect == Effect::confirmed;
    if (all.effect == Effect::confirmed) all.effect = one.effect;
  };
  if (acts_upstream()) look({"upstream", canary.client, canary.server});
  if (acts_downstream()) look({"downstream", canary.server, canary.client});
  if (toxicity_ < 1 && any_confirmed && all.effect == Effect::none) all.effect = Effect::confirmed;
  return all;
}

Result<void> LinkFault::heal() {
  return heal_link(stack_, undo());
}

Result<void> heal_link(const Stack&, const Json& undo) {
  const ProxyClient proxy(undo.value("api", ""));
  Result<void> result;
  const auto keep_first = [&result](const Result<void>& one) {
    if (!one.ok() && result.ok()) result = one;
  };
  for (const Json& toxic : undo.value("toxics", Json::array())) {
    keep_first(proxy.remove_toxic(undo.value("proxy", ""), toxic.get<std::string>()));
  }
  keep_first(proxy.remove_proxy(undo.value("spare", "")));
  return result;
}

Effect compare(double measured, double expected, double tolerance) {
  if (measured < expected / 10) return Effect::none;
  return std::abs(measured - expected) <= tolerance ? Effect::confirmed : Effect::off_target;
}

}  // namespace stormlog::chaos
