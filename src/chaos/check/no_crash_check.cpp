// No process of the stack ended but those that a fault ended.

#include <algorithm>

#include "chaos/check/support.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const Json expected = {{"crashes", 0}};
  std::vector<std::string> services = run.processes_watched;
  if (params.has("services")) services = params.text_list("services");
  if (services.empty()) return unknown("no process was watched", expected);
  for (const std::string& service : services) {
    if (std::find(run.processes_watched.begin(), run.processes_watched.end(), service) ==
        run.processes_watched.end()) {
      return unknown("the process of \"" + service + "\" was not watched" +
                         did_you_mean(service, run.processes_watched),
                     expected);
    }
  }
  Json crashes = Json::array();
  for (const ProcessEvent& event : run.processes) {
    if (event.kind != ProcessEvent::Kind::ended || !event.fault.empty()) continue;
    if (std::find(services.begin(), services.end(), event.service) == services.end()) continue;
    crashes.push_back({{"service", event.service},
                       {"at_ms", to_ms(event.at)},
                       {"pid", event.pid},
                       {"detail", event.detail}});
  }
  const Json measured = {
      {"services", services.size()}, {"crashes", crashes.size()}, {"ended", crashes}};
  if (!crashes.empty()) {
    return failed(crashes[0]["service"].get<std::string>() + " ended though no fault ended it",
                  measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kNoCrashCheck;
const CheckKind kNoCrashCheck = {
    .name = "no_crash",
    .summary = "No process of the stack ended but those that a fault ended.",
    .params = {{.name = "services",
                .type = document::ParamType::text_list,
                .description = "Services to judge; all that were watched if absent."}},
    .judge = judge,
};

}  // namespace stormlog::chaos
