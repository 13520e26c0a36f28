#pragma once

#include "common/http/message.hpp"
#include "pipeline/auth/access_control.hpp"
#include "pipeline/ingest/refusal.hpp"
#include "pipeline/ingest/rejected_counter.hpp"

namespace stormlog::pipeline {

Refusal refusal_from(Denial denial);

// How a service that takes events tells that somebody may not: in the form of the API that was
// asked, and counted in ingest_rejected_total; on other routes as problem+json.
http::Response tell_denial(const RejectedCounter& rejected, const http::Request& request,
                           const Denial& denial);

}  // namespace stormlog::pipeline
