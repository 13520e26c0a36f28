#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// What a response says about the events of its request.
struct Judgement {
  Outcome outcome = Outcome::indeterminate;
  std::vector<std::uint32_t> refused;  // indices, ascending, when the outcome is acked
  std::string error;                   // kind of failure; "" when acked in full
};

// 2xx is acked but for the events that its body lists as refused; a body that should hold that list
// and is not JSON leaves the outcome open. 3xx and 4xx are rejected: the load follows no redirect.
// All else is indeterminate: a 5xx may have stored the events.
//
// Threads: caller synchronises.
class ResponseJudge {
 public:
  explicit ResponseJudge(const SendSpec& send);
  ~ResponseJudge();

  Judgement judge(int status, const std::string& body, std::uint32_t events);

 private:
  struct Parser;
  std::string list_;
  std::string index_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace stormlog::chaos
