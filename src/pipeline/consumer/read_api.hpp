#pragma once

#include <chrono>

#include "pipeline/consumer/query_pool.hpp"
#include "pipeline/consumer/read_service.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

// Adds the routes GET /api/v1/logs and GET /api/v1/logs/{id}: parameters are checked on the I/O
// thread, the rest is a job of the pool. 400 for a bad parameter, 503 when too many queries wait.
//
// Lifetime: all must outlive the service's run(); the pool must end before the service does.
void install_read_api(service::Service& service, QueryPool& pool, const ReadService& reads);

}  // namespace stormlog::pipeline
