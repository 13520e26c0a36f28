#pragma once

#include "pipeline/ingest/ingest_api.hpp"

// Each API is one file of this folder, and one line of ingest_api.cpp.
namespace stormlog::pipeline {

const IngestApi& events_api();
const IngestApi& otlp_api();
const IngestApi& loki_api();

}  // namespace stormlog::pipeline
