#pragma once

#include "chaos/fault/link_canary.hpp"

namespace stormlog::chaos {

// One direction of a canary: where its bytes go in, and where they come out.
struct OneWay {
  const char* name;  // "upstream"
  CanaryEnd& from;
  CanaryEnd& to;
};

inline double milliseconds(Nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}
inline Nanoseconds nanoseconds(double milliseconds) {
  return Nanoseconds{static_cast<Nanoseconds::rep>(milliseconds * 1e6)};
}
// For reports: three digits behind the point.
inline double rounded(double value) {
  return static_cast<double>(static_cast<std::int64_t>(value * 1000 + (value < 0 ? -0.5 : 0.5))) /
         1000;
}

}  // namespace stormlog::chaos
