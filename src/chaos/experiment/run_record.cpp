#include "chaos/experiment/run_record.hpp"

namespace stormlog::chaos {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::acked:
      return "acked";
    case Outcome::rejected:
      return "rejected";
    case Outcome::indeterminate:
      return "indeterminate";
    case Outcome::unsent:
      return "unsent";
  }
  return "?";
}

std::string_view to_string(Effect effect) {
  switch (effect) {
    case Effect::confirmed:
      return "confirmed";
    case Effect::none:
      return "none";
    case Effect::off_target:
      return "off_target";
    case Effect::unknown:
      return "unknown";
  }
  return "?";
}

}  // namespace stormlog::chaos
