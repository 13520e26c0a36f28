#pragma once

#include <string_view>

namespace stormlog::pipeline {

// The gateway's API in OpenAPI 3.1: schemas/openapi.yaml as it was when the program was built.
std::string_view openapi_yaml();

}  // namespace stormlog::pipeline
