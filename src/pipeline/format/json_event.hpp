#pragma once

#include "pipeline/event/event_fields.hpp"
#include "pipeline/event/json_walk.hpp"

// Private to this folder's .cpp files.
namespace stormlog::pipeline {

// Reads one JSON object in our own form into `fields`. Errors of the record are in walk.error().
simdjson::error_code read_event(ondemand::object& object, JsonWalk& walk, EventFields& fields);

// Reads one JSON object that is a CloudEvent.
// Source: CloudEvents 1.0.2, JSON Event Format.
simdjson::error_code read_cloud_event(ondemand::object& object, JsonWalk& walk,
                                      EventFields& fields);

}  // namespace stormlog::pipeline
