#pragma once

#include "proxy/toxic/toxic_type.hpp"

namespace stormlog::proxy {

// A day: longer is a mistake, and stays far from where nanoseconds overflow.
constexpr double kLongestMilliseconds = 86'400'000;

const ToxicType& bandwidth_toxic();
const ToxicType& corrupt_toxic();
const ToxicType& half_open_toxic();
const ToxicType& http_toxic();
const ToxicType& latency_toxic();
const ToxicType& limit_data_toxic();
const ToxicType& loss_toxic();
const ToxicType& noop_toxic();
const ToxicType& refuse_toxic();
const ToxicType& reset_peer_toxic();
const ToxicType& slicer_toxic();
const ToxicType& slow_close_toxic();
const ToxicType& timeout_toxic();

}  // namespace stormlog::proxy
