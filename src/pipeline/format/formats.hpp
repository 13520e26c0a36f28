#pragma once

#include <memory>

#include "pipeline/format/format.hpp"

// Each format is one file of this folder; formats.cpp says which media types it has.
namespace stormlog::pipeline {

std::unique_ptr<Format> json_format();
std::unique_ptr<Format> ndjson_format();
std::unique_ptr<Format> cloud_event_format();
std::unique_ptr<Format> cloud_event_batch_format();
std::unique_ptr<Format> cloud_event_binary_format();
std::unique_ptr<Format> otlp_json_format();
std::unique_ptr<Format> otlp_protobuf_format();
std::unique_ptr<Format> loki_json_format();
std::unique_ptr<Format> loki_protobuf_format();

}  // namespace stormlog::pipeline
