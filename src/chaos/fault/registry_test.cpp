#include <gmock/gmock.h>

#include <set>

#include "chaos/fault/fault.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos {
namespace {

using testing::HasSubstr;

TEST(FaultRegistry, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const FaultKind* kind : fault_kinds()) {
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
    EXPECT_EQ(find_fault_kind(kind->name), kind);
    EXPECT_FALSE(kind->summary.empty()) << kind->name;
    EXPECT_FALSE(kind->target_kind.empty()) << kind->name;
    EXPECT_NE(kind->make, nullptr) << kind->name;
    EXPECT_NE(kind->heal_from, nullptr) << kind->name;
  }
  EXPECT_EQ(find_fault_kind("service_kil"), nullptr);
}

TEST(FaultRegistry, DefaultsOfParametersAreValid) {
  for (const FaultKind* kind : fault_kinds()) {
    const auto params =
        document::parse_params(std::vector<std::string>{}, kind->params, kind->name);
    EXPECT_TRUE(params.ok()) << kind->name << ": " << params.error().message;
    for (const document::ParamSpec& param : kind->params) {
      EXPECT_FALSE(param.description.empty()) << kind->name << "." << param.name;
      // These belong to the experiment's step.
      EXPECT_THAT(param.name, testing::Not(testing::AnyOf("at", "for", "target", "fault")));
    }
  }
}

TEST(FaultRegistry, ForIsOptionalForAKillRequiredForAPauseAndRefusedForARestart) {
  EXPECT_EQ(find_fault_kind("service_kill")->duration, FaultKind::Duration::either);
  EXPECT_EQ(find_fault_kind("service_pause")->duration, FaultKind::Duration::lasting);
  EXPECT_EQ(find_fault_kind("service_restart")->duration, FaultKind::Duration::one_off);
}

TEST(FaultRegistry, AKillTakesOnlySignalsThatEndAProcess) {
  const auto& specs = find_fault_kind("service_kill")->params;
  for (const char* word :
       {"signal=KILL", "signal=TERM", "signal=INT", "signal=QUIT", "signal=ABRT"}) {
    EXPECT_TRUE(document::parse_params({word}, specs, "fault").ok()) << word;
  }
  const auto stop = document::parse_params({"signal=STOP"}, specs, "fault");
  ASSERT_FALSE(stop.ok());
  EXPECT_THAT(stop.error().message, HasSubstr("KILL"));
  EXPECT_FALSE(document::parse_params({"sginal=KILL"}, specs, "fault").ok());
}

}  // namespace
}  // namespace stormlog::chaos
